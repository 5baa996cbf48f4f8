import { jobState } from '../../../answers/jobs.js';
import { beginsMedia, MEDIA_HEAD_LENGTH } from '../../../answers/media-values.js';
import { ProviderError } from '../../../errors.js';
import type { Json, JsonObject } from '../../../json.js';
import type { OperationStatus, StartResult } from '../../../result.js';
import { PNG_1X1 } from '../../sample-files.js';
import { jsonOf, type Path, partAt, pathsOf, replaced } from '../json-paths.js';
import { describeError, Rig, submitIndex, type Trial } from '../rig.js';
import type { Sample } from '../samples.js';
import { type CheckOutcome, type ConformanceCheck, type ConformanceSetup, demand } from '../setup.js';
import { outputCount, startProblem, statusProblem } from '../shapes.js';

export function answerChecks(setup: ConformanceSetup): ConformanceCheck[] {
  return [
    { name: 'answers: outputs that are good are delivered beside those that are not', run: () => Rig.use(setup, checkPartlyGood) },
    { name: 'answers: media is found by its value, whatever its key', run: () => Rig.use(setup, checkMediaByValue) },
    { name: 'answers: nothing but empty fields is no unknown outcome', run: () => Rig.use(setup, checkNoMedia) },
    { name: 'answers: an error under HTTP 200 on the submit is an error with its words', run: () => Rig.use(setup, checkErrorOnSubmit) },
    { name: 'answers: an error under HTTP 200 in a status is no result', run: () => Rig.use(setup, checkErrorInStatus) },
    { name: 'answers: a job is found by any of its names', run: () => Rig.use(setup, checkJobNames) },
    { name: 'answers: a job’s state is known by any of its words', run: () => Rig.use(setup, checkStatusWords) },
    { name: 'answers: usage that is not reported is absent', run: () => Rig.use(setup, checkUsage) },
  ];
}

type Result = StartResult | OperationStatus;

/** The call of a plugin that brings outputs: of a synchronous vendor the start, else the question about a finished job. */
interface Bringer {
  readonly sample: Sample;
  readonly bodies: readonly (Json | undefined)[];
  readonly healthy: Result;
  run(): Promise<Trial<Result>>;
}

async function bringerOf(rig: Rig, sample: Sample): Promise<Bringer> {
  const { result } = await rig.started(sample);
  const run = async (): Promise<Trial<Result>> => (result.state === 'started' ? rig.status(sample, result.operation) : rig.start(sample));
  if (result.state === 'started') await rig.untilTerminal(sample, result.operation);
  rig.front.reset();
  const { outcome, what } = await run();
  demand('value' in outcome, `${what} failed when it was repeated`);
  return { sample, bodies: rig.front.answers.map(({ body }) => jsonOf(body)), healthy: outcome.value, run };
}

/** Runs it with one answer changed. Undefined: the change leaves that answer as it was. */
async function changed(rig: Rig, bringer: Bringer, index: number, mutate: (body: Json) => Json | undefined): Promise<Trial<Result>> {
  rig.front.play({ kind: 'mutated', mutate }, index, 1);
  return bringer.run();
}

function problemOf(result: Result): string | undefined {
  return result.state === 'done' || result.state === 'started' ? startProblem(result) : statusProblem(result);
}

function answerOf({ what, outcome }: Trial<Result>, how: string): Result {
  demand(
    'value' in outcome,
    `${what} failed with ${describeError('error' in outcome ? outcome.error : undefined)}; in the vendor's answer, ${how}`,
  );
  const problem = problemOf(outcome.value);
  demand(problem === undefined, `${what} answered badly: ${problem}; in the vendor's answer, ${how}`);
  return outcome.value;
}

/** As many outputs as the model makes at once, up to three. */
function several(sample: Sample): Sample | undefined {
  const n = Math.min(sample.model.params?.n?.max ?? 1, 3);
  if (n < 2) return undefined;
  return sample.media === 'image' ? { ...sample, request: { ...sample.request, n } } : { ...sample, request: { ...sample.request, n } };
}

const BAD_ENTRIES: readonly Json[] = [null, {}, '', { error: { code: 'internal_error', message: 'this one was lost' } }];

async function checkPartlyGood(rig: Rig): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples().flatMap((one) => several(one) ?? [])) {
    const bringer = await bringerOf(rig, sample);
    const wanted = outputCount(bringer.healthy);
    if (wanted < 2) continue;
    for (const [index, body] of bringer.bodies.entries()) {
      for (const path of body === undefined ? [] : pathsOf(body).filter((one) => lengthAt(body, one) === wanted)) {
        for (const bad of BAD_ENTRIES) {
          const how = `${[...path, 0].join('.')} was ${JSON.stringify(bad)}`;
          const trial = await changed(rig, bringer, index, (answer) => replaced(answer, [...path, 0], bad));
          const result = answerOf(trial, how);
          const count = outputCount(result);
          demand(count >= wanted - 1, `${trial.what} brought ${count} of ${wanted - 1} good outputs; in the vendor's answer, ${how}`);
          const withheld = ('withheld' in result ? (result.withheld ?? []) : []).length + trial.call.warnings.length;
          demand(count === wanted || withheld > 0, `${trial.what} does not say what became of an output; in the vendor's answer, ${how}`);
          if (count < wanted) outcome = 'passed';
        }
      }
    }
  }
  return outcome;
}

function lengthAt(body: Json, path: Path): number | undefined {
  const part = partAt(body, path);
  return Array.isArray(part) ? part.length : undefined;
}

/** Where an answer holds media: base64, or the link of an output. */
function mediaPaths(body: Json, result: Result): Path[] {
  const outputs = 'outputs' in result ? result.outputs : [];
  const links = new Set(outputs.flatMap(({ media }) => (media.kind === 'url' ? [media.url] : [])));
  return pathsOf(body).filter((path) => {
    const text = partAt(body, path);
    if (typeof text !== 'string') return false;
    return (
      links.has(text) || (text.length > 60 && beginsMedia(text.slice(0, MEDIA_HEAD_LENGTH), 'possible', text.length <= MEDIA_HEAD_LENGTH))
    );
  });
}

const DATA_URL = `DATA:image/png;BASE64,${Buffer.from(PNG_1X1).toString('base64')}`;

async function forMedia(
  rig: Rig,
  check: (bringer: Bringer, index: number, paths: readonly Path[]) => Promise<void>,
): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    const bringer = await bringerOf(rig, sample);
    for (const [index, body] of bringer.bodies.entries()) {
      const paths = body === undefined ? [] : mediaPaths(body, bringer.healthy);
      if (paths.length === 0) continue;
      await check(bringer, index, paths);
      outcome = 'passed';
    }
  }
  return outcome;
}

function checkMediaByValue(rig: Rig): Promise<CheckOutcome> {
  return forMedia(rig, async (bringer, index, paths) => {
    for (const path of paths) {
      for (const value of [DATA_URL, DATA_URL.replace(/^.*,/, '')]) {
        const how = `${path.join('.')} was ${value.slice(0, 30)}…`;
        const trial = await changed(rig, bringer, index, (answer) => replaced(answer, path, value));
        const [wanted, count] = [outputCount(bringer.healthy), outputCount(answerOf(trial, how))];
        demand(count === wanted, `${trial.what} brought ${count} of ${wanted} outputs; in the vendor's answer, ${how}`);
      }
    }
  });
}

function checkNoMedia(rig: Rig): Promise<CheckOutcome> {
  return forMedia(rig, async (bringer, index, paths) => {
    const how = 'every media field was empty';
    const empty = (answer: Json): Json | undefined =>
      paths.reduce<Json | undefined>((body, path) => replaced(body ?? null, path, ''), answer);
    const { what, outcome } = await changed(rig, bringer, index, empty);
    if ('value' in outcome) {
      const problem = problemOf(outcome.value);
      demand(problem === undefined, `${what} answered badly: ${problem}; in the vendor's answer, ${how}`);
      demand(outputCount(outcome.value) === 0, `${what} brought an output, though ${how} in the vendor's answer`);
      return;
    }
    demand(ProviderError.is(outcome.error), `${what} threw ${describeError(outcome.error)}; in the vendor's answer, ${how}`);
    const isUnknown = outcome.error.charged === 'unknown' && outcome.error.code !== 'content_rejected';
    demand(!isUnknown, `${what} threw ${describeError(outcome.error)}, an unknown outcome, instead of answering without outputs; ${how}`);
  });
}

/** What the vendor's error body says to people: its longest text of more than one word. */
function wordsIn(body: Json): string {
  const texts = pathsOf(body).flatMap((path) => partAt(body, path) ?? []);
  const sentences = texts.filter((part) => typeof part === 'string' && /\s/.test(part)) as string[];
  return sentences.sort((left, right) => right.length - left.length)[0] ?? '';
}

function demandWords(what: string, said: string, body: Json): void {
  const words = wordsIn(body);
  demand(said.includes(words), `${what} under an error with status 200 says "${said}", and not what the vendor said: "${words}"`);
}

async function checkErrorOnSubmit(rig: Rig): Promise<CheckOutcome> {
  const body = rig.errorBody(400);
  for (const sample of rig.samples()) {
    const submit = submitIndex(await rig.started(sample));
    rig.front.play({ kind: 'status', status: 200, body }, submit, 1);
    const { what, outcome } = await rig.start(sample);
    if ('value' in outcome) {
      const { value } = outcome;
      demand(
        value.state === 'done' && outputCount(value) === 0,
        `${what} under an error with status 200 answered ${JSON.stringify(value)}`,
      );
      demandWords(what, (value.withheld ?? []).map(({ message }) => message).join(' '), body);
      continue;
    }
    demand(ProviderError.is(outcome.error), `${what} under an error with status 200 threw ${describeError(outcome.error)}`);
    demandWords(what, outcome.error.message, body);
  }
  return 'passed';
}

async function checkErrorInStatus(rig: Rig): Promise<CheckOutcome> {
  let result: CheckOutcome = 'not_applicable';
  const body = rig.errorBody(500);
  for (const sample of rig.samples()) {
    const operation = await rig.operation(sample);
    if (operation === undefined) continue;
    result = 'passed';
    rig.front.play({ kind: 'status', status: 200, body }, 0, 1);
    const { what, outcome } = await rig.status(sample, operation);
    if ('value' in outcome) {
      const { value } = outcome;
      demand(value.state === 'failed', `${what} under an error with status 200 answered ${JSON.stringify(value)}`);
      demandWords(what, value.error.message, body);
    } else {
      demand(ProviderError.is(outcome.error), `${what} under an error with status 200 threw ${describeError(outcome.error)}`);
      demandWords(what, outcome.error.message, body);
    }
  }
  return result;
}

const NUMBER = '9007199254740993';

/** Other spellings of an answer that names its job under a key at the top. */
const JOB_SPELLINGS: readonly (readonly [how: string, respell: (body: JsonObject, key: string) => string])[] = [
  ['the id was called task_id', (body, key) => JSON.stringify({ ...body, [key]: undefined, task_id: body[key] })],
  ['all was within data', (body) => JSON.stringify({ data: body })],
  ['the id was a number of 64 bits', (body, key) => JSON.stringify(body).replace(JSON.stringify(body[key]), NUMBER)],
];

async function checkJobNames(rig: Rig): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    const started = await rig.started(sample);
    const id = started.result.state === 'started' ? started.result.vendorJobId : undefined;
    const submit = submitIndex(started);
    const body = jsonOf(rig.front.answers[submit]?.body);
    const key = id === undefined ? undefined : Object.entries(body ?? {}).find(([, value]) => value === id)?.[0];
    if (key === undefined) continue;
    outcome = 'passed';
    for (const [how, respell] of JOB_SPELLINGS) {
      let wanted: Json | undefined;
      const rewrite = (text: string): string => {
        const answer = JSON.parse(text) as JsonObject;
        const respelt = respell(answer, key);
        wanted = respelt.includes(NUMBER) ? NUMBER : answer[key];
        return respelt;
      };
      rig.front.play({ kind: 'rewritten', rewrite }, submit, 1);
      const trial = await rig.start(sample);
      const result = answerOf(trial, how);
      const found = result.state === 'started' ? result.vendorJobId : undefined;
      demand(found === wanted, `${trial.what} found the job ${String(found)}, not ${String(wanted)}; in the vendor's answer, ${how}`);
    }
  }
  return outcome;
}

/** Where a status answer holds a word that the SDK knows for that state. */
function wordPaths(body: Json | undefined, state: string): Path[] {
  if (body === undefined) return [];
  return pathsOf(body).filter(
    (path) => /stat(e|us)/i.test(String(path.at(-1))) && typeof partAt(body, path) === 'string' && jobState(partAt(body, path)) === state,
  );
}

const SUCCESSES = ['succeeded', 'SUCCESS', 'Completed', 'done', 'TASK_STATUS_SUCCEED'];

async function checkStatusWords(rig: Rig): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    if ((await rig.operation(sample)) === undefined) continue;
    const bringer = await bringerOf(rig, sample);
    for (const [index, body] of bringer.bodies.entries()) {
      for (const path of wordPaths(body, 'succeeded')) {
        outcome = 'passed';
        for (const word of SUCCESSES) {
          const how = `${path.join('.')} was "${word}"`;
          const trial = await changed(rig, bringer, index, (answer) => replaced(answer, path, word));
          const result = answerOf(trial, how);
          const isWell = result.state === 'succeeded' && outputCount(result) > 0;
          demand(isWell, `${trial.what} answered ${JSON.stringify(result)} for a finished job; in the vendor's answer, ${how}`);
        }
        const how = `${path.join('.')} was a word that nobody knows`;
        const trial = await changed(rig, bringer, index, (answer) => replaced(answer, path, 'half-baked'));
        const result = answerOf(trial, how);
        const isWaiting = (result.state === 'pending' && result.unrecognizedStatus !== undefined) || result.state === 'succeeded';
        demand(
          isWaiting,
          `${trial.what} answered ${JSON.stringify(result)}, not "pending" with unrecognizedStatus; in the vendor's answer, ${how}`,
        );
      }
    }
  }
  return outcome;
}

async function checkUsage(rig: Rig): Promise<CheckOutcome> {
  let outcome: CheckOutcome = 'not_applicable';
  for (const sample of rig.samples()) {
    const bringer = await bringerOf(rig, sample);
    for (const [index, body] of bringer.bodies.entries()) {
      if (typeof body !== 'object' || body === null || Array.isArray(body) || body.usage === undefined) continue;
      outcome = 'passed';
      const trial = await changed(rig, bringer, index, (answer) => replaced(answer, ['usage'], undefined));
      const result = answerOf(trial, 'usage was missing');
      const counted = Object.entries(('usage' in result ? result.usage : undefined) ?? {}).find(
        ([name, count]) => name.endsWith('_tokens') && count !== undefined,
      );
      demand(counted === undefined, `${trial.what} counts ${counted?.join(': ')}, though the vendor reported no usage`);
    }
  }
  return outcome;
}
