import { type HttpVendor, jsonReply, startHttpVendor, type VendorHandler, type VendorReply } from './http-vendor.js';
import { makePng } from './media.js';

/** A played vendor that answers what a test writes, however odd. */
export interface ScriptedVendor extends HttpVendor {
  /** From now on, by the path of the request. Whatever has no answer is a 404. */
  script(answers: Readonly<Record<string, VendorReply | VendorHandler>>): void;
}

export async function startScriptedVendor(): Promise<ScriptedVendor> {
  let answers: Readonly<Record<string, VendorReply | VendorHandler>> = {};
  const vendor = await startHttpVendor((request) => {
    const answer = answers[`${request.method} ${request.path}`] ?? answers[request.path];
    if (answer === undefined) return jsonReply(404, { error: { message: `nothing is written for ${request.method} ${request.path}` } });
    return typeof answer === 'function' ? answer(request) : answer;
  });
  return { ...vendor, script: (next) => (answers = next) };
}

/** JSON as it is written here, also with a byte-order mark. */
export function textReply(text: string, status = 200, contentType = 'application/json'): VendorReply {
  return { status, headers: { 'content-type': contentType }, body: text };
}

/** One `data:` line for each event, and the end of the stream. */
export function streamReply(events: readonly object[]): VendorReply {
  const body = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return { status: 200, headers: { 'content-type': 'text/event-stream' }, body };
}

/** A small picture; each number makes another one. */
export function pngBase64(number = 1): string {
  return makePng({ width: 8 + number, height: 8 }).toString('base64');
}
