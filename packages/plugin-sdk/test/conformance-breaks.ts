import type { ConformanceSetup } from '../src/testing/index.js';

/** One way to break a plugin that keeps the contract: in a file of it, one text stands in place of another. */
export interface Break {
  /** The check that has to notice, by the beginning of its name. */
  readonly check: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** What the failure says. */
  readonly says: RegExp;
  readonly setup?: Partial<ConformanceSetup>;
}

export const INDEX = 'src/index.js';
export const HTTP = 'src/http.js';
const IMAGES = 'src/images.js';
const VIDEOS = 'src/videos.js';
const FETCH = 'await call.fetch((call.apiBase ?? API_BASE) + path, { ...init, headers })';
export const EXPORT = 'export default plugin;';
const STATUS = 'return statusOf(await (await ask(call, pathOf(operation))).json(), call);';
const REFUSAL = 'throw await responseError(response, call, ERRORS);';
const fails = (answer: string) => `try { ${STATUS} } catch { return ${answer}; }`;
const FAILED = fails("{ state: 'failed', error: { code: 'internal', message: 'no', charged: 'no' } }");
const PENDING = fails("{ state: 'pending' }");

const amended = (how: string) => `{ const e = await responseError(response, call, ERRORS); ${how}; throw e; }`;

const status = (code: number, wrong: string): Break[] => [
  {
    check: `start under HTTP ${code}`,
    file: HTTP,
    from: REFUSAL,
    to: amended(`if (e.vendorStatus === ${code}) e.code = '${wrong}'`),
    says: new RegExp(`threw ${wrong}.*, not`),
  },
  { check: `status under HTTP ${code}`, file: VIDEOS, from: STATUS, to: PENDING, says: /"pending"/ },
];

const answers = (kind: string, says: RegExp): Break[] => [
  {
    check: `start under a ${kind} answer`,
    file: INDEX,
    from: EXPORT,
    to: `const { start } = image; image.start = (r, c) => start(r, c).catch((e) => { e.charged = 'no'; throw e; }); ${EXPORT}`,
    says: /says charged: no, not unknown/,
  },
  {
    check: `start under a ${kind} answer`,
    file: INDEX,
    from: EXPORT,
    to: `const { start } = image; image.start = (r, c) => start(r, c).catch((e) => { throw new Error(e.message); }); ${EXPORT}`,
    says,
  },
  { check: `status under a ${kind} answer`, file: VIDEOS, from: STATUS, to: FAILED, says: /answered .*failed.* instead of failing/ },
];

const wrapped = (name: string, body: string) => `const { ${name} } = video; video.${name} = ${body}; ${EXPORT}`;

export const BREAKS: readonly Break[] = [
  { check: 'manifest:', file: 'package.json', from: '"spec": 1', to: '"spec": 7', says: /litegen\.spec is not 1/ },
  { check: 'manifest:', file: 'package.json', from: '"./src/index.js",\n    "models"', to: '"../x.js",\n    "models"', says: /leads out/ },
  { check: 'capabilities:', file: 'models/acme.yaml', from: 'acme/film-1', to: 'other/film-1', says: /does not begin with "acme\/"/ },
  ...(
    [
      [
        'models: [acme/film-1]',
        'models: [acme/film-2]',
        /prices\[1\] is about acme\/film-2.*no published figure for acme\/film-1 video\.generate/,
      ],
      ['operation: image.edit', 'operation: image.generate', /no published figure for acme\/paint-1 image\.edit/],
      ['published: $0.02', 'unpublished: why\n    published: $0.02', /prices\[0\] says not either/],
      ['checked: 2026-11-01', 'confidence: reported', /prices\[0\] has no source or no checked/],
    ] as const
  ).map(([from, to, says]): Break => ({ check: 'prices:', file: 'models/prices/acme.yaml', from, to, says })),
  { check: 'entry:', file: INDEX, from: "id: 'acme'", to: "id: 'acne'", says: /its id is "acne"/ },
  {
    check: 'create:',
    file: INDEX,
    from: 'create: () => ({',
    to: "create: () => (fetch('http://127.0.0.1:8099/ping').catch(() => undefined), {",
    says: /create\(\) opened .*127\.0\.0\.1:8099\/ping/,
  },
  { check: 'create:', file: INDEX, from: '    video,\n', to: '', says: /acme\/film-1 is a video model/ },
  { check: 'start: succeeds', file: IMAGES, from: ', submits: true', to: '', says: /no request of start was marked/ },
  { check: 'start: succeeds', file: IMAGES, from: 'outputs: outputs.map(', to: 'outputs: [].map(', says: /brought no outputs/ },
  { check: 'status: follows', file: VIDEOS, from: "case 'succeeded'", to: "case 'finished'", says: /still pending after 60 polls/ },
  {
    check: 'operation:',
    file: INDEX,
    from: EXPORT,
    to: wrapped('status', 'async (o, c) => { if (!mine.has(o.id)) throw new Error("not my job"); return status(o, c); }').replace(
      EXPORT,
      `const mine = new Set(); const { start } = video;
       video.start = async (r, c) => { const s = await start(r, c); mine.add(s.operation.id); return s; }; ${EXPORT}`,
    ),
    says: /second process failed: .*not my job/s,
  },
  { check: 'operation:', file: VIDEOS, from: 'operation: { id,', to: 'operation: { id, at: new Date(),', says: /not plain JSON/ },
  {
    check: 'abort: a call given up before',
    file: IMAGES,
    from: 'const [init] = inputs;',
    to: 'const [init] = inputs; await fetch(call.apiBase + "/v1/account");',
    says: /still sent 1 request/,
  },
  {
    check: 'abort: a call given up after',
    file: HTTP,
    from: FETCH,
    to: `${FETCH}.catch(() => call.fetch(call.apiBase + path, { ...init, headers }))`,
    says: /says charged: no, though the vendor has the request/,
  },
  {
    check: 'abort: a call given up after',
    file: HTTP,
    from: FETCH,
    to: `${FETCH}.catch(() => new Promise(() => undefined))`,
    says: /did not end within 300 ms/,
    setup: { patienceMs: 300 },
  },
  { check: 'abort: a status', file: VIDEOS, from: STATUS, to: PENDING, says: /"pending"} instead of failing/ },
  {
    check: 'cancel:',
    file: VIDEOS,
    from: "'too_late';\n      throw error;",
    to: "'too_late';\n      return 'cancelled';",
    says: /never confirmed/,
  },
  {
    check: 'cancel:',
    file: VIDEOS,
    from: "=== 409) return 'too_late'",
    to: "=== 409) return 'cancelled'",
    says: /of a job that was finished/,
  },
  { check: 'check:', file: INDEX, from: "'/v1/account')", to: "'/v1/account').catch(() => undefined)", says: /HTTP 401 answered/ },
  ...status(400, 'internal'),
  ...status(401, 'internal'),
  ...status(403, 'internal'),
  ...status(404, 'internal'),
  { check: 'status under HTTP 404', file: VIDEOS, from: STATUS, to: FAILED, says: /answered .*failed.* instead of failing/ },
  ...status(408, 'rate_limited'),
  ...status(429, 'unavailable'),
  { check: 'start under HTTP 429', file: HTTP, from: REFUSAL, to: amended('e.retryAfterMs /= 1000'), says: /retryAfterMs 7, / },
  { check: 'start under HTTP 400', file: HTTP, from: REFUSAL, to: amended("e.charged = 'unknown'"), says: /charged: unknown, not no/ },
  ...[500, 503].flatMap((code): Break[] => [
    {
      check: `start under HTTP ${code}`,
      file: HTTP,
      from: REFUSAL,
      to: amended("e.code = 'invalid_request'"),
      says: /threw invalid_request/,
    },
    { check: `status under HTTP ${code}`, file: VIDEOS, from: STATUS, to: FAILED, says: /instead of failing/ },
  ]),
  ...['garbage', 'truncated', 'huge', 'slow', 'reset'].flatMap((kind) => answers(kind, /which is no ProviderError/)),
  {
    check: 'start on a vendor that cannot',
    file: INDEX,
    from: EXPORT,
    to: `const { start } = image; image.start = (r, c) => start(r, c).catch((e) => { e.charged = 'unknown'; throw e; }); ${EXPORT}`,
    says: /says charged: unknown, though nothing was sent/,
  },
  {
    check: 'secrets:',
    file: HTTP,
    from: REFUSAL,
    to: amended('e.message = headers.authorization'),
    says: /"apiKey" in its error/,
  },
  {
    check: 'secrets:',
    file: VIDEOS,
    from: 'operation: { id,',
    to: 'operation: { id, key: call.secret("apiKey"),',
    says: /"apiKey" in its operation/,
  },
  {
    check: 'secrets:',
    file: HTTP,
    from: 'const response =',
    to: "call.logger.debug('ask', headers); const response =",
    says: /"apiKey" in its logs/,
  },
  {
    check: 'secrets:',
    file: HTTP,
    from: REFUSAL,
    to: amended('e.cause = { headers }'),
    says: /"apiKey" in its error/,
  },
  { check: 'egress:', file: HTTP, from: '(call.apiBase ?? API_BASE)', to: 'API_BASE', says: /api\.acme\.test.*not under call\.apiBase/ },
  {
    check: 'egress:',
    file: IMAGES,
    from: 'const [init] = inputs;',
    to: "const [init] = inputs; await fetch('http://127.0.0.1:8099/telemetry').catch(() => undefined);",
    says: /went past call\.fetch to .*telemetry/,
  },
  {
    check: 'egress:',
    file: IMAGES,
    from: '({ revisedPrompt, ...output })',
    to: "({ media: { kind: 'url', url: 'https://elsewhere.test/1.png' } })",
    says: /elsewhere\.test, which the gateway may not download from/,
  },
  {
    check: 'answers: outputs that are good',
    file: IMAGES,
    from: 'const { outputs, ...finished } =',
    to: "if (!answer.images.every((one) => one?.b64?.kind)) throw new Error('not a picture'); const { outputs, ...finished } =",
    says: /failed with Error: not a picture; in the vendor's answer, images\.0 was null/,
  },
  {
    check: 'answers: outputs that are good',
    file: IMAGES,
    from: '...finished, outputs',
    to: 'outputs',
    says: /does not say what became of an output/,
  },
  {
    check: 'answers: media is found',
    file: VIDEOS,
    from: 'const media = mediaOf(job);',
    to: "const media = /^https?:/.test(job.url) ? { kind: 'url', url: job.url } : undefined;",
    says: /brought 0 of 1 outputs; in the vendor's answer, url was DATA:image/,
  },
  {
    check: 'answers: nothing but empty',
    file: IMAGES,
    from: 'const revisedPrompt =',
    to: "if (outputs.length === 0) throw Object.assign(new Error('no picture'), { code: 'invalid_response' }); const revisedPrompt =",
    says: /threw Error: no picture; in the vendor's answer, every media field was empty/,
  },
  {
    check: 'answers: nothing but empty',
    file: IMAGES,
    from: 'const { outputs, ...finished } = readFinished(answer, response, request.n, call, ERRORS);',
    to: `const { outputs, ...finished } = readFinished(answer, response, request.n, call, ERRORS);
    if (outputs.length === 0) throw await ask(call, '/v1/images', { submits: true, method: 'PUT' }).catch((e) => { e.charged = 'unknown'; return e; });`,
    says: /an unknown outcome, instead of answering without outputs/,
  },
  {
    check: 'answers: an error under HTTP 200 on the submit',
    file: VIDEOS,
    from: 'const words = declaredError(answer);',
    to: 'const words = undefined;',
    says: /says "Acme answered without a job id", and not what the vendor said: "played failure 400"/,
  },
  {
    check: 'answers: an error under HTTP 200 in a status',
    file: VIDEOS,
    from: "declaredError(body)?.message ?? 'Acme answered",
    to: "'Acme answered",
    says: /not what the vendor said: "played failure 500"/,
  },
  {
    check: 'answers: a job is found',
    file: VIDEOS,
    from: 'const id = jobIdOf(answer);',
    to: 'const id = text(record(answer)?.id);',
    says: /Acme answered without a job id; in the vendor's answer, the id was called task_id/,
  },
  {
    check: 'answers: a job is found',
    file: VIDEOS,
    from: 'response.json({ textKeys: JOB_ID_KEYS })',
    to: 'response.json()',
    says: /in the vendor's answer, the id was a number of 64 bits/,
  },
  {
    check: 'answers: a job’s state',
    file: VIDEOS,
    from: 'switch (jobState(status)) {',
    to: "switch ({ queued: 'pending', running: 'pending', done: 'succeeded' }[status]) {",
    says: /"pending".* for a finished job; in the vendor's answer, status was "succeeded"/,
  },
  {
    check: 'answers: a job’s state',
    file: VIDEOS,
    from: "return { state: 'pending', unrecognizedStatus: status };",
    to: "return { state: 'failed', error: { code: 'internal', message: status, charged: 'no' } };",
    says: /not "pending" with unrecognizedStatus/,
  },
  {
    check: 'answers: usage',
    file: IMAGES,
    from: "return { state: 'done', ...finished,",
    to: "finished.usage = { input_text_tokens: 0, ...finished.usage }; return { state: 'done', ...finished,",
    says: /counts input_text_tokens: 0, though the vendor reported no usage/,
  },
  { check: 'webhook:', file: VIDEOS, from: 'if (!isGenuine(delivery, call)) return null;', to: '', says: /believed a delivery|threw/ },
  {
    check: 'webhook:',
    file: VIDEOS,
    from: 'given.length === wanted.length && timingSafeEqual(given, wanted)',
    to: 'given.length > 0',
    says: /believed a delivery with/,
  },
  {
    check: 'webhook:',
    file: VIDEOS,
    from: 'call)) return null;',
    to: "call)) throw new Error('forged');",
    says: /instead of answering null/,
  },
  { check: 'webhook:', file: VIDEOS, from: "'acme-signature'", to: "'x-signature'", says: /refused a genuine delivery/ },
  { check: 'fuzz: no request', file: IMAGES, from: 'extra.style_code,', to: 'extra.style_code?.trim(),', says: /TypeError.*style_code/ },
  {
    check: 'fuzz: no JSON answer of the vendor makes start',
    file: IMAGES,
    from: 'const { outputs, ...finished } =',
    to: 'answer.images.map(String); const { outputs, ...finished } =',
    says: /TypeError.*in the vendor's answer, /,
  },
  {
    check: 'fuzz: no JSON answer of the vendor makes start',
    file: IMAGES,
    from: 'const { outputs, ...finished } = readFinished(answer, response, request.n, call, ERRORS);',
    to: `let read;
    try { read = readFinished(answer, response, request.n, call, ERRORS); } catch (e) { e.charged = 'no'; throw e; }
    const { outputs, ...finished } = read;`,
    says: /charged: no, though the vendor accepted/,
  },
  {
    check: 'fuzz: no JSON answer of the vendor makes status',
    file: VIDEOS,
    from: 'const media = mediaOf(job);',
    to: "const media = { kind: 'url', url: job.url };",
    says: /url is not an absolute URL/,
  },
];
