import {
  type HttpSimulator,
  jsonReply,
  makePng,
  type SimulatorHandler,
  type SimulatorReply,
  startHttpSimulator,
} from '@litegen/plugin-sdk/testing';

/** A vendor that answers what a test writes, however odd. */
export interface ScriptedSimulator extends HttpSimulator {
  /** From now on, by the path of the request. Whatever has no answer is a 404. */
  script(answers: Readonly<Record<string, SimulatorReply | SimulatorHandler>>): void;
}

export async function startScriptedSimulator(): Promise<ScriptedSimulator> {
  let answers: Readonly<Record<string, SimulatorReply | SimulatorHandler>> = {};
  const vendor = await startHttpSimulator((request) => {
    const answer = answers[`${request.method} ${request.path}`] ?? answers[request.path];
    if (answer === undefined) return jsonReply(404, { error: { message: `nothing is written for ${request.method} ${request.path}` } });
    return typeof answer === 'function' ? answer(request) : answer;
  });
  return { ...vendor, script: (next) => (answers = next) };
}

/** JSON as it is written here, also with a byte-order mark. */
export function textReply(text: string, status = 200, contentType = 'application/json'): SimulatorReply {
  return { status, headers: { 'content-type': contentType }, body: text };
}

/** One `data:` line for each event, and the end of the stream. */
export function streamReply(events: readonly object[]): SimulatorReply {
  const body = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return { status: 200, headers: { 'content-type': 'text/event-stream' }, body };
}

/** A small picture; each number makes another one. */
export function pngBase64(number = 1): string {
  return makePng({ width: 8 + number, height: 8 }).toString('base64');
}
