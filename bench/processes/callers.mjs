// Applications as they are: keep-alive connections, an Idempotency-Key for every job, and the same request again when no answer came.
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { percentile } from '../lib/statistics.mjs';
import { answerCalls } from './answer-calls.mjs';

const ANSWER_TIMEOUT_MS = 120_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2000;
const KEPT_BYTES = 300;

class Run {
  constructor(order) {
    this.order = order;
    this.next = 0;
    this.jobs = [];
    this.latencies = [];
    /** What was answered, or why nothing was, with how often. */
    this.outcomes = new Map();
    this.examples = new Map();
    this.repeats = 0;
    this.isOver = false;
    this.slowestMs = 0;
    /** Of what was answered with 503. */
    this.slowestRefusalMs = 0;
    /** Failures that are not the error envelope with a code that tells something, and 503 without Retry-After. */
    this.unclear = 0;
    this.kinds = order.kinds.flatMap((kind) => Array.from({ length: kind.weight ?? 1 }, () => kind));
  }

  get mayStart() {
    const { requests, durationMs } = this.order;
    if (this.isOver || (requests !== undefined && this.next >= requests)) return false;
    return durationMs === undefined || performance.now() - this.startedAtMs < durationMs;
  }

  async execute() {
    this.startedAtMs = performance.now();
    await Promise.all(Array.from({ length: this.order.connections }, () => this.caller()));
    const sorted = Float64Array.from(this.latencies).sort();
    return {
      started: this.next,
      jobs: this.jobs,
      outcomes: Object.fromEntries(this.outcomes),
      examples: [...this.examples].map(([outcome, text]) => `${outcome}: ${text}`),
      repeats: this.repeats,
      unclear: this.unclear,
      slowestMs: this.slowestMs,
      slowestRefusalMs: this.slowestRefusalMs,
      elapsedMs: performance.now() - this.startedAtMs,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
    };
  }

  async caller() {
    const client = new Client(this.order.url, { pipelining: 1, headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });
    try {
      while (this.mayStart) {
        const index = this.next;
        this.next += 1;
        if (this.order.rate !== undefined) await sleep(this.startedAtMs + (index * 1000) / this.order.rate - performance.now());
        await this.job(client, index);
      }
    } finally {
      await client.destroy();
    }
  }

  /** Asks until there is an answer that settles the matter, or the patience of the caller is over. */
  async job(client, index) {
    const kind = this.kinds[index % this.kinds.length];
    const beganMs = performance.now();
    const patienceMs = this.order.patienceMs ?? 0;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      const answer = await this.ask(client, kind, index);
      const { status, id, code, isReplayed, bodySha256 } = answer;
      const job = { index, kind: kind.name, status, id, code, isReplayed, bodySha256 };
      if (!answer.mayRepeat || performance.now() - beganMs > patienceMs) {
        this.jobs.push(job);
        if (status >= 200 && status < 300) this.latencies.push(performance.now() - beganMs);
        return;
      }
      this.repeats += 1;
      await sleep(Math.min(answer.retryAfterMs ?? pauseMs, LONGEST_PAUSE_MS));
    }
  }

  async ask(client, kind, index) {
    const beganMs = performance.now();
    const { prefix, key, idempotencyKey } = this.order;
    let answer;
    try {
      const { statusCode, headers, body } = await client.request({
        method: kind.body === undefined ? 'GET' : 'POST',
        path: kind.path,
        headers: {
          authorization: `Bearer ${key}`,
          ...(kind.body === undefined
            ? {}
            : { 'content-type': 'application/json', 'idempotency-key': idempotencyKey ?? `${prefix}-${index}` }),
          ...kind.headers,
        },
        body: kind.body === undefined ? undefined : JSON.stringify(kind.body).replaceAll('{index}', String(index)),
      });
      answer = this.judge(statusCode, headers, await body.text());
    } catch (error) {
      answer = { status: 0, code: 'no answer', mayRepeat: true, text: `${error.code ?? ''} ${error.message}` };
    }
    const tookMs = performance.now() - beganMs;
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    if (answer.status === 503) this.slowestRefusalMs = Math.max(this.slowestRefusalMs, tookMs);
    const outcome =
      answer.status === 0 || answer.code !== undefined ? `${answer.status || ''} ${answer.code}`.trim() : String(answer.status);
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    const hasFailed = answer.status < 200 || answer.status >= 300;
    // One of each kind is enough to see what it is.
    if (hasFailed && !this.examples.has(outcome)) this.examples.set(outcome, answer.text.slice(0, KEPT_BYTES));
    return answer;
  }

  judge(status, headers, text) {
    const id = headers['x-litegen-generation-id'];
    if (status < 300) return { status, id, isReplayed: headers['idempotent-replayed'] === 'true', bodySha256: hash('sha256', text), text };
    let code;
    try {
      code = JSON.parse(text).error.code;
    } catch {
      // Counted as unclear below.
    }
    if (typeof code !== 'string' || code === 'internal_error' || (status === 503 && headers['retry-after'] === undefined))
      this.unclear += 1;
    const retryAfterMs = headers['retry-after'] === undefined ? undefined : Number(headers['retry-after']) * 1000;
    return { status, code: code ?? 'without a code', id, retryAfterMs, mayRepeat: headers['x-should-retry'] === 'true', text };
  }
}

let running;

answerCalls({
  run: (order) => {
    running = new Run(order);
    return running.execute();
  },
  /** Begins nothing more; the run ends when what is under way has been answered. */
  finish: () => {
    running.isOver = true;
  },
  progress: () => ({ started: running.next, finished: running.jobs.length }),
});
