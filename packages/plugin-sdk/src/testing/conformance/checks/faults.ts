import type { ProviderError } from '../../../errors.js';
import type { TestCallOptions } from '../../test-call.js';
import { FAULT_CASES, type FaultCase } from '../fault-cases.js';
import { errorOf, Rig, submitIndex } from '../rig.js';
import { type CheckOutcome, type ConformanceCheck, type ConformanceSetup, demand } from '../setup.js';
import { statusProblem } from '../shapes.js';

/** Small and short, so that a huge and a slow answer show themselves at once. */
export function strained({ name }: FaultCase): TestCallOptions {
  if (name.includes('slow')) return { maxHeadersTimeoutMs: 300 };
  return name.includes('huge') ? { maxBytes: 1024 * 1024 } : {};
}

export function faultChecks(setup: ConformanceSetup): ConformanceCheck[] {
  return [
    ...FAULT_CASES.map((fault) => ({
      name: `start under ${fault.name}: code and charged`,
      run: () => Rig.use(setup, (rig) => checkStart(rig, fault)),
    })),
    ...FAULT_CASES.map((fault) => ({
      name: `status under ${fault.name}: says nothing about the operation`,
      run: () => Rig.use(setup, (rig) => checkStatus(rig, fault)),
    })),
    { name: 'start on a vendor that cannot be reached: unavailable and not charged', run: () => Rig.use(setup, checkUnreachable) },
  ];
}

function demandCode(what: string, fault: FaultCase, error: ProviderError, codes: readonly string[]): void {
  demand(codes.includes(error.code), `${what} under ${fault.name} threw ${error.code} ("${error.message}"), not ${codes.join(' or ')}`);
  if (fault.retryAfterMs !== undefined && error.code === 'rate_limited') {
    const wanted = fault.retryAfterMs;
    demand(
      error.retryAfterMs === wanted,
      `${what} under ${fault.name} says retryAfterMs ${error.retryAfterMs}, the vendor asked for ${wanted}`,
    );
  }
}

async function checkStart(rig: Rig, fault: FaultCase): Promise<CheckOutcome> {
  for (const sample of rig.samples()) {
    const submit = submitIndex(await rig.started(sample));
    // A request before the submit, such as an upload, fails in the same ways but never costs anything.
    for (const at of new Set([submit, 0])) {
      rig.front.play(
        fault.fault((status) => rig.errorBody(status)),
        at,
      );
      const trial = await rig.start(sample, strained(fault));
      const error = errorOf(trial, fault.name);
      demandCode(trial.what, fault, error, fault.codes);
      const charged = at === submit ? fault.charged : ['no'];
      const where = at === submit ? 'on the submit' : 'before the submit';
      demand(
        charged.includes(error.charged),
        `${trial.what} under ${fault.name} ${where} says charged: ${error.charged}, not ${charged.join(' or ')}`,
      );
    }
  }
  return 'passed';
}

async function checkStatus(rig: Rig, fault: FaultCase): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    const operation = await rig.operation(sample);
    if (operation === undefined) continue;
    outcome = 'passed';
    rig.front.play(fault.fault((status) => rig.errorBody(status)));
    const trial = await rig.status(sample, operation, strained(fault));
    if (fault.endsOperation === true && 'value' in trial.outcome) {
      const { value } = trial.outcome;
      const problem = value.state === 'failed' ? statusProblem(value) : `its state is "${value.state}"`;
      demand(problem === undefined, `${trial.what} under ${fault.name} answered badly: ${problem}`);
      continue;
    }
    demandCode(trial.what, fault, errorOf(trial, fault.name), [...fault.codes, ...(fault.statusCodes ?? [])]);
  }
  return outcome;
}

async function checkUnreachable(rig: Rig): Promise<CheckOutcome> {
  const samples = rig.samples();
  await rig.front.close();
  for (const sample of samples) {
    const error = errorOf(await rig.start(sample), 'a refused connection');
    demand(error.code === 'unavailable', `start of ${sample.model.id} threw ${error.code}, not unavailable`);
    demand(error.charged === 'no', `start of ${sample.model.id} says charged: ${error.charged}, though nothing was sent`);
  }
  return 'passed';
}
