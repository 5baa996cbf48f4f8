import { ProviderError } from '../../../errors.js';
import type { Json } from '../../../json.js';
import { jsonOf, pathsOf, replaced } from '../json-paths.js';
import { Random } from '../random.js';
import { describeError, Rig, submitIndex, type Trial } from '../rig.js';
import { fuzzedSample } from '../samples.js';
import { type CheckOutcome, type ConformanceCheck, ConformanceFailure, type ConformanceSetup, demand } from '../setup.js';
import { startProblem, statusProblem } from '../shapes.js';

const DEFAULT_CASES = 60;
const DEFAULT_SEED = 1;
/** Enough for every leaf of an answer; the rest of a long list repeats its first entries. */
const MAX_MUTATIONS = 120;

export function fuzzChecks(setup: ConformanceSetup): ConformanceCheck[] {
  return [
    { name: 'fuzz: no request that the YAML allows makes it throw anything but ProviderError', run: () => Rig.use(setup, checkRequests) },
    {
      name: 'fuzz: no JSON answer of the vendor makes start throw anything but ProviderError',
      run: () => Rig.use(setup, checkStartAnswers),
    },
    {
      name: 'fuzz: no JSON answer of the vendor makes status throw anything but ProviderError',
      run: () => Rig.use(setup, checkStatusAnswers),
    },
  ];
}

/** The trial must have ended well or with a `ProviderError`. */
function demandTame<T>(trial: Trial<T>, problemOf: (value: T) => string | undefined, context: () => string): void {
  const { outcome } = trial;
  if ('value' in outcome) {
    const problem = problemOf(outcome.value);
    demand(problem === undefined, `${trial.what} answered badly: ${problem}; ${context()}`);
  } else if (!ProviderError.is(outcome.error)) {
    const message = `${trial.what} threw ${describeError(outcome.error)}, which is no ProviderError; ${context()}`;
    throw new ConformanceFailure(message, { cause: outcome.error });
  }
}

async function checkRequests(rig: Rig): Promise<CheckOutcome> {
  const random = new Random(rig.setup.seed ?? DEFAULT_SEED);
  const cases = rig.setup.fuzzCases ?? DEFAULT_CASES;
  const models = rig.callableModels;
  demand(models.length > 0, 'the YAML has no model to try');
  let succeeded = 0;
  for (let index = 0; index < cases; index += 1) {
    const model = models[index % models.length];
    if (model === undefined) continue;
    const sample = fuzzedSample(model, random);
    rig.front.reset();
    const trial = await rig.start(sample);
    const { operation, prompt, n, params, extra } = sample.request;
    demandTame(trial, startProblem, () => `the request was ${JSON.stringify({ operation, prompt, n, params, extra })}`);
    if ('value' in trial.outcome) succeeded += 1;
  }
  demand(succeeded > 0, `none of ${cases} generated requests succeeded on a healthy vendor`);
  return 'passed';
}

/** The vendor's own answer with one part missing, null or of another type. */
function mutations(body: Json): [string, (body: Json) => Json | undefined][] {
  const substitutes: (Json | undefined)[] = [undefined, null, {}, [], '', 'unexpected', -1];
  const all = pathsOf(body).flatMap((path) =>
    substitutes
      .filter((by) => by !== undefined || path.length > 0)
      .map((by): [string, (body: Json) => Json | undefined] => {
        const what = by === undefined ? 'missing' : JSON.stringify(by);
        return [`${path.join('.') || 'the answer'} was ${what}`, (answer) => replaced(answer, path, by)];
      }),
  );
  const step = Math.max(1, all.length / MAX_MUTATIONS);
  return Array.from({ length: Math.min(all.length, MAX_MUTATIONS) }, (_, index) => all[Math.floor(index * step)] ?? []).filter(
    (item): item is [string, (body: Json) => Json | undefined] => item.length === 2,
  );
}

async function checkStartAnswers(rig: Rig): Promise<CheckOutcome> {
  for (const sample of rig.samples()) {
    const submit = submitIndex(await rig.started(sample));
    const body = jsonOf(rig.front.answers[submit]?.body);
    if (body === undefined) continue;
    for (const [how, mutate] of mutations(body)) {
      rig.front.play({ kind: 'mutated', mutate }, submit, 1);
      const trial = await rig.start(sample);
      demandTame(trial, startProblem, () => `in the vendor's answer, ${how}`);
      const error = 'error' in trial.outcome && ProviderError.is(trial.outcome.error) ? trial.outcome.error : undefined;
      const hidden = error?.code === 'invalid_response' && error.charged === 'no';
      demand(!hidden, `${trial.what} says charged: no, though the vendor accepted the work; in its answer, ${how}`);
    }
  }
  return 'passed';
}

async function checkStatusAnswers(rig: Rig): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    const operation = await rig.operation(sample);
    if (operation === undefined) continue;
    await rig.untilTerminal(sample, operation);
    rig.front.reset();
    await rig.status(sample, operation);
    const body = jsonOf(rig.front.answers[0]?.body);
    if (body === undefined) continue;
    outcome = 'passed';
    for (const [how, mutate] of mutations(body)) {
      rig.front.play({ kind: 'mutated', mutate }, 0, 1);
      demandTame(await rig.status(sample, operation), statusProblem, () => `in the vendor's answer, ${how}`);
    }
  }
  return outcome;
}
