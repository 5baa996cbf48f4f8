import { expect } from 'vitest';

/** An answer with its whole body. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** @throws SyntaxError when the body is not JSON. */
  json<T>(): T;
}

export interface Failure {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly param: string | null;
  readonly status: number;
  readonly request_id: string;
  readonly generation_id?: string;
  readonly charged?: string;
}

/** What the suites look at in an answer of `GET /v1/generations/{id}`. */
export interface GenerationView {
  readonly id: string;
  readonly status: string;
  readonly error: Failure | null;
  readonly cost_usd: number;
  readonly cost_source: string | null;
  readonly outputs: readonly { readonly url: string; readonly content_type: string; readonly bytes: number }[];
  readonly hold: { readonly amount_usd: number; readonly state: string };
  readonly attempts: readonly { readonly id: string; readonly state: string; readonly charged: string | null; readonly ordinal: number }[];
}

export interface SendOptions {
  readonly method?: string;
  /** An object is sent as JSON, a form as a form, the rest as it is. */
  readonly body?: object | string | FormData;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const LONGEST_WAIT_SECONDS = 60;

/** A caller of a gateway. */
export class Client {
  constructor(
    readonly url: string,
    private readonly key?: string,
  ) {}

  async send(path: string, { method, body, headers, signal }: SendOptions = {}): Promise<Answer> {
    const json = typeof body === 'object' && !(body instanceof FormData);
    const response = await fetch(new URL(path, this.url), {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }),
        ...(json ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : (body as string | FormData) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: <T>() => JSON.parse(text) as T };
  }

  image(fields: object, options: SendOptions = {}): Promise<Answer> {
    return this.send('/v1/images/generations', { ...options, body: fields });
  }

  /** Answers as soon as the video is admitted. */
  video(fields: object, options: SendOptions = {}): Promise<Answer> {
    return this.send('/v1/videos', { ...options, body: fields });
  }

  /** @throws Error unless the answer is a 2xx. */
  async read<T>(path: string, options: SendOptions = {}): Promise<T> {
    const answer = await this.send(path, options);
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
    return answer.json<T>();
  }

  generation(id: string): Promise<GenerationView> {
    return this.read(`/v1/generations/${id}`);
  }

  /** The generation once it has ended. Fails when it does not end. */
  async ended(id: string): Promise<GenerationView> {
    const generation = await this.read<GenerationView>(`/v1/generations/${id}`, { headers: { prefer: `wait=${LONGEST_WAIT_SECONDS}` } });
    expect(['completed', 'failed', 'cancelled'], `${id} did not end`).toContain(generation.status);
    return generation;
  }

  /** Newest first. */
  async generations(): Promise<GenerationView[]> {
    return (await this.read<{ data: GenerationView[] }>('/v1/generations?per_page=1000')).data;
  }

  /** The youngest generation, also when its request never got an answer. */
  async latest(): Promise<GenerationView> {
    const [first] = await this.generations();
    if (first === undefined) throw new Error('there is no generation');
    return first;
  }
}

/** Asks until the answer is there. A test that waits for ever is ended by its own time limit. */
export async function until<T>(ask: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The one shape that every failure has; the request id is the header's. */
export function failureOf(answer: Answer): Failure {
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  const { error } = answer.json<{ error: Failure }>();
  expect(error.status, answer.text).toBe(answer.status);
  expect(error.request_id).toBe(answer.headers.get('x-request-id'));
  expect(error).toMatchObject({ message: expect.stringMatching(/\S/), type: expect.stringMatching(/^[a-z_]+$/), code: expect.any(String) });
  expect(error.param === null || typeof error.param === 'string').toBe(true);
  return error;
}
