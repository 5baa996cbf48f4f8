import type { RawDelivery } from '../../../provider.js';
import { answerOf, describeError, Rig, type Trial } from '../rig.js';
import { type CheckOutcome, type ConformanceCheck, type ConformanceSetup, demand } from '../setup.js';
import { statusProblem } from '../shapes.js';

export function webhookChecks(setup: ConformanceSetup): ConformanceCheck[] {
  return [{ name: 'webhook: a genuine delivery is read, every forged one is refused', run: () => Rig.use(setup, checkWebhooks) }];
}

/** Headers that carry signatures at one vendor or another; the rest (such as content-type) is no secret. */
const PLAIN_HEADERS = new Set(['content-type', 'content-length', 'user-agent', 'accept', 'host']);

function forgeries(genuine: RawDelivery): [string, RawDelivery][] {
  const text = Buffer.from(genuine.body).toString('utf8');
  const { 'content-type': contentType = 'application/json' } = genuine.headers;
  const plain = { 'content-type': contentType };
  const signed = Object.keys(genuine.headers).filter((name) => !PLAIN_HEADERS.has(name));
  const bytes = (body: string): Uint8Array => new Uint8Array(Buffer.from(body));
  const forged: [string, RawDelivery][] = [
    ['without its headers', { ...genuine, headers: plain }],
    ['with an altered body', { ...genuine, body: bytes(text.replace(/.(?=[^a-z0-9]*$)/i, 'X')) }],
    ['with a space appended to its body', { ...genuine, body: bytes(`${text} `) }],
    ['with an empty body', { ...genuine, body: bytes('') }],
    ['with a body that is not JSON', { ...genuine, body: bytes('<html>') }],
    ['with nothing at all', { method: 'POST', headers: {}, query: {}, body: bytes('{}') }],
  ];
  for (const name of signed) {
    const value = genuine.headers[name] ?? '';
    const flipped = value.replace(/[a-z0-9](?=[^a-z0-9]*$)/i, (last) => (last === '0' ? '1' : '0'));
    forged.push([`with another ${name}`, { ...genuine, headers: { ...genuine.headers, [name]: flipped } }]);
  }
  return forged;
}

async function checkWebhooks(rig: Rig): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    const instance = rig.instance();
    const provided = instance[sample.media];
    if (provided?.parseWebhook === undefined) continue;
    const { delivery } = rig.setup;
    demand(delivery !== undefined, 'the plugin reads webhooks, so the setup must make a genuine delivery');
    const operation = await rig.operation(sample);
    demand(operation !== undefined, `${sample.model.id} reads webhooks, but its start answers at once`);
    await rig.untilTerminal(sample, operation);
    const genuine = await delivery.call(rig.setup, operation, rig.secrets);
    const read = (raw: RawDelivery) => rig.parseWebhook(sample, raw, operation);
    const result = answerOf(await read(genuine));
    demand(result !== null, `parseWebhook of ${sample.model.id} refused a genuine delivery`);
    const problem = statusProblem(result.status);
    demand(problem === undefined, `parseWebhook of ${sample.model.id} answered badly: ${problem}`);
    for (const [how, raw] of forgeries(genuine)) demandRefused(await read(raw), how);
    outcome = 'passed';
  }
  return outcome;
}

function demandRefused(trial: Trial<{ readonly status: unknown } | null>, how: string): void {
  const { outcome } = trial;
  if ('error' in outcome)
    demand(false, `${trial.what} threw ${describeError(outcome.error)} on a delivery ${how} instead of answering null`);
  demand(outcome.value === null, `${trial.what} believed a delivery ${how}`);
}
