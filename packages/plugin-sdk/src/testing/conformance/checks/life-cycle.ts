import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../../../json.js';
import type { OperationStatus } from '../../../result.js';
import { entryUrl } from '../package.js';
import { answerOf, errorOf, Rig, submitIndex } from '../rig.js';
import type { Sample } from '../samples.js';
import { type CheckOutcome, type ConformanceCheck, type ConformanceSetup, demand } from '../setup.js';
import { outputCount, startProblem, statusProblem } from '../shapes.js';
import { statusInSecondProcess } from './second-process.js';

export function lifeCycleChecks(setup: ConformanceSetup): ConformanceCheck[] {
  return [
    { name: 'start: succeeds on a healthy vendor and marks the request that submits', run: () => Rig.use(setup, checkStart) },
    { name: 'status: follows an operation to its end', run: () => Rig.use(setup, checkStatus) },
    { name: 'operation: survives JSON and a second process', run: () => Rig.use(setup, checkOperation) },
    { name: 'abort: a call given up before it began sends nothing', run: () => Rig.use(setup, checkAbortBefore) },
    { name: 'abort: a call given up after the submit ends at once, as possibly charged', run: () => Rig.use(setup, checkAbortAfter) },
    { name: 'abort: a status question given up ends at once', run: () => Rig.use(setup, checkAbortStatus) },
    { name: 'cancel: answers in the contract’s words', run: () => Rig.use(setup, checkCancel) },
    { name: 'check: proves the credential', run: () => Rig.use(setup, checkCredential) },
  ];
}

async function checkStart(rig: Rig): Promise<CheckOutcome> {
  for (const sample of rig.samples()) {
    const { result, call } = await rig.started(sample);
    const problem = startProblem(result);
    demand(problem === undefined, `start of ${sample.model.id} answered badly: ${problem}`);
    demand(result.state === 'started' || outputCount(result) > 0, `start of ${sample.model.id} brought no outputs from a healthy vendor`);
    submitIndex({ call });
  }
  return 'passed';
}

async function forOperations(rig: Rig, run: (sample: Sample, operation: Json) => Promise<CheckOutcome>): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    const operation = await rig.operation(sample);
    if (operation !== undefined && (await run(sample, operation)) === 'passed') outcome = 'passed';
  }
  return outcome;
}

function demandSucceeded(sample: Sample, status: OperationStatus): void {
  const problem = statusProblem(status);
  demand(problem === undefined, `status of ${sample.model.id} answered badly: ${problem}`);
  const isWell = status.state === 'succeeded' && outputCount(status) > 0;
  demand(isWell, `${sample.model.id} ended as ${JSON.stringify(status)} on a healthy vendor`);
}

function checkStatus(rig: Rig): Promise<CheckOutcome> {
  return forOperations(rig, async (sample, operation) => {
    const first = answerOf(await rig.status(sample, operation));
    const problem = statusProblem(first);
    demand(problem === undefined, `status of ${sample.model.id} answered badly: ${problem}`);
    demandSucceeded(sample, await rig.untilTerminal(sample, operation));
    return 'passed';
  });
}

function checkOperation(rig: Rig): Promise<CheckOutcome> {
  return forOperations(rig, async (sample, operation) => {
    const text = JSON.stringify(operation) as string | undefined;
    demand(text !== undefined && isDeepStrictEqual(JSON.parse(text), operation), 'the operation is not plain JSON');
    if (rig.setup.plugin !== undefined) {
      demandSucceeded(sample, await rig.untilTerminal(sample, operation));
      return 'passed';
    }
    const status = await statusInSecondProcess({
      entry: entryUrl(rig.setup),
      providerId: rig.manifest.id,
      media: sample.media,
      operation,
      apiBase: rig.apiBase,
      secrets: rig.secrets,
      options: rig.options,
    });
    demandSucceeded(sample, status);
    return 'passed';
  });
}

async function checkAbortBefore(rig: Rig): Promise<CheckOutcome> {
  for (const sample of rig.samples()) {
    let reached = 0;
    rig.front.reset();
    rig.front.onRequest = () => {
      reached += 1;
    };
    const error = errorOf(await rig.start(sample, { signal: AbortSignal.abort() }), 'an abort before it began');
    demand(reached === 0, `start of ${sample.model.id} still sent ${reached} request(s)`);
    demand(error.charged === 'no', `start of ${sample.model.id} says charged: ${error.charged}, though nothing was sent`);
  }
  return 'passed';
}

async function checkAbortAfter(rig: Rig): Promise<CheckOutcome> {
  for (const sample of rig.samples()) {
    const submit = submitIndex(await rig.started(sample));
    const given = new AbortController();
    let requests = 0;
    rig.front.play({ kind: 'slow' }, submit);
    rig.front.onRequest = () => {
      requests += 1;
      if (requests > submit) given.abort();
    };
    const error = errorOf(await rig.start(sample, { signal: given.signal }), 'an abort after the submit');
    demand(error.charged === 'unknown', `start of ${sample.model.id} says charged: ${error.charged}, though the vendor has the request`);
    demand(requests === submit + 1, `start of ${sample.model.id} sent ${requests - submit - 1} more request(s) after the abort`);
  }
  return 'passed';
}

function checkAbortStatus(rig: Rig): Promise<CheckOutcome> {
  return forOperations(rig, async (sample, operation) => {
    const given = new AbortController();
    rig.front.play({ kind: 'slow' });
    rig.front.onRequest = () => given.abort();
    errorOf(await rig.status(sample, operation, { signal: given.signal }), 'an abort');
    return 'passed';
  });
}

function checkCancel(rig: Rig): Promise<CheckOutcome> {
  return forOperations(rig, async (sample, operation) => {
    if (rig.instance()[sample.media]?.cancel === undefined) return 'not_applicable';
    const answer = answerOf(await rig.cancel(sample, operation));
    demand(['cancelled', 'too_late', 'unsupported'].includes(answer), `cancel of ${sample.model.id} answered ${JSON.stringify(answer)}`);
    for (const kind of ['garbage', 'reset', 'status'] as const) {
      rig.front.play(kind === 'status' ? { kind, status: 500, body: {} } : { kind });
      const { outcome } = await rig.cancel(sample, operation);
      const said = 'value' in outcome ? outcome.value : undefined;
      demand(said !== 'cancelled', `cancel of ${sample.model.id} says "cancelled" under ${kind}, though the vendor never confirmed it`);
      if ('error' in outcome) errorOf({ what: `cancel of ${sample.model.id}`, outcome }, kind);
      rig.front.reset();
    }
    await checkCancelFinished(rig, sample);
    return 'passed';
  });
}

/** What is finished is paid for: a cancellation must not throw it away. */
async function checkCancelFinished(rig: Rig, sample: Sample): Promise<void> {
  const operation = await rig.operation(sample);
  if (operation === undefined) return;
  demandSucceeded(sample, await rig.untilTerminal(sample, operation));
  const answer = answerOf(await rig.cancel(sample, operation));
  demand(answer !== 'cancelled', `cancel of ${sample.model.id} says "cancelled" of a job that was finished`);
  demandSucceeded(sample, await rig.untilTerminal(sample, operation));
}

async function checkCredential(rig: Rig): Promise<CheckOutcome> {
  if (rig.instance().check === undefined) return 'not_applicable';
  const healthy = await rig.credential();
  if ('error' in healthy.outcome) answerOf(healthy);
  rig.front.play({ kind: 'status', status: 401, body: rig.errorBody(401) });
  const error = errorOf(await rig.credential(), 'HTTP 401');
  demand(error.code === 'authentication_failed', `check() maps 401 to ${error.code}, not to authentication_failed`);
  return 'passed';
}
