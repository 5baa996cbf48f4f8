/** How requests end. A prompt that holds one of the bracketed words ends so; any other succeeds. */

export interface FalAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FalOutcome {
  /** Answered to the submission itself; nothing is queued. */
  readonly refusal?: FalAnswer;
  /** A status word that never changes. */
  readonly statusWord?: string;
  /** Added to the completed status. */
  readonly statusError?: { readonly error: string; readonly error_type?: string };
  /** The result, with files under this origin. */
  result(origin: string): FalAnswer;
}

const detail = (type: string, msg: string, field = 'prompt') => ({
  detail: [{ loc: ['body', field], msg, type, url: `https://docs.fal.ai/errors#${type}`, input: 'the whole input' }],
});

const fails = (status: number, body: unknown, headers?: Record<string, string>, statusError?: FalOutcome['statusError']): FalOutcome => ({
  statusError,
  result: () => ({ status, body, headers }),
});

const refuses = (status: number, body: unknown, headers?: Record<string, string>): FalOutcome => ({
  refusal: { status, body, headers },
  result: () => ({ status, body }),
});

const BALANCE = 'User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.';

const OUTCOMES: Readonly<Record<string, FalOutcome>> = {
  '[policy]': fails(422, detail('content_policy_violation', 'The content could not be processed.'), { 'x-fal-retryable': 'false' }),
  '[no-media]': fails(422, detail('no_media_generated', 'No media was generated.')),
  '[small-image]': fails(422, detail('image_too_small', 'The image is too small.', 'image_urls')),
  '[bad-size]': fails(422, detail('multiple_of', 'Input should be a multiple of 8', 'image_size')),
  '[timeout]': fails(
    504,
    { detail: 'Request timed out', error_type: 'request_timeout' },
    { 'x-fal-error-type': 'request_timeout', 'x-fal-retryable': 'true' },
  ),
  '[runner]': fails(503, { detail: 'Runner disconnected' }, { 'x-fal-error-type': 'runner_disconnected', 'x-fal-retryable': 'true' }),
  '[final]': fails(500, { detail: 'Internal error', error_type: 'internal_error' }, { 'x-fal-retryable': 'false' }),
  '[old-text]': fails(400, { detail: 'Your prompt was flagged by moderation' }),
  '[old-message]': fails(400, { message: 'bad prompt' }),
  '[old-error]': fails(500, { error: { message: 'something broke', code: 'oops' } }),
  '[status-error]': fails(500, { detail: 'Generation took too long' }, undefined, {
    error: 'Generation took too long',
    error_type: 'generation_timeout',
  }),
  '[lost-result]': fails(502, '<html>bad gateway</html>'),
  '[busy-result]': fails(503, { detail: 'Service temporarily unavailable' }),
  '[lost-status-error]': fails(502, '<html>bad gateway</html>', undefined, { error: 'Runner crashed', error_type: 'runner_server_error' }),
  '[new-word]': { statusWord: 'WARMING_UP', result: () => ({ status: 400, body: { detail: 'Request is still in progress' } }) },
  '[empty]': { result: () => ({ status: 200, body: { timings: {} } }) },
  '[balance]': refuses(403, { detail: BALANCE }),
  '[forbidden]': refuses(403, { detail: 'Access to this application is denied' }),
  '[rate]': refuses(429, { detail: 'Too many concurrent requests' }, { 'retry-after': '7' }),
};

export function outcomeOf(endpoint: string, input: Readonly<Record<string, unknown>>): FalOutcome {
  const prompt = String(input.prompt ?? '');
  const word = Object.keys(OUTCOMES).find((candidate) => prompt.includes(candidate));
  const known = word === undefined ? undefined : OUTCOMES[word];
  if (known !== undefined) return known;
  return { result: (origin) => billed(prompt, isVideo(endpoint) ? video(origin) : images(origin, prompt, input)) };
}

/** `[units=2.5]` is what fal says to bill; `[units=none]` leaves that out. */
function billed(prompt: string, answer: FalAnswer): FalAnswer {
  const units = /\[units=([\d.]+|none)\]/.exec(prompt)?.[1];
  if (units === undefined) return answer;
  return { ...answer, headers: units === 'none' ? {} : { 'x-fal-billable-units': units } };
}

function isVideo(endpoint: string): boolean {
  return /video|veo3|ray-2|hailuo|seedance|pixverse/.test(endpoint);
}

function video(origin: string): FalAnswer {
  const file = { url: `${origin}/files/clip.mp4`, content_type: 'video/mp4', file_name: 'clip.mp4', file_size: 2048 };
  return { status: 200, body: { video: file, seed: 7 }, headers: { 'x-fal-billable-units': '5' } };
}

/** `[nsfw]` flags every picture, `[some-nsfw]` the first. */
function images(origin: string, prompt: string, input: Readonly<Record<string, unknown>>): FalAnswer {
  const count = Number(input.num_images ?? 1);
  const pictures = Array.from({ length: count }, (_, index) => ({
    url: `${origin}/files/picture-${index}.png`,
    content_type: 'image/png',
    width: 1024,
    height: 768,
  }));
  const flags = pictures.map((_, index) => prompt.includes('[nsfw]') || (prompt.includes('[some-nsfw]') && index === 0));
  const body = { images: pictures, seed: 42, prompt, has_nsfw_concepts: flags, timings: { inference: 0.42 } };
  return { status: 200, body, headers: { 'x-fal-billable-units': String(count) } };
}
