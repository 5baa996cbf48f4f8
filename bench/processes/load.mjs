// Sends requests and counts what comes back. Bodies of answers are never kept, but for a few samples that are checked.
import { performance } from 'node:perf_hooks';
import { Client } from 'undici';
import { buildPicture, verifyPicture } from '../lib/picture.mjs';
import { percentile, sharedClockMs } from '../lib/statistics.mjs';
import { answerCalls } from './answer-calls.mjs';
import { uploadOf } from './upload.mjs';

const NO_TIMEOUT = 0;
const KEPT_PROBLEMS = 3;
const KEPT_PROBLEM_BYTES = 300;

class Run {
  constructor(order) {
    this.order = order;
    this.latencies = [];
    this.problems = [];
    this.errors = 0;
    this.bytes = 0;
    this.started = 0;
    this.samples = [];
    /** When each answer was read, on the shared clock, for orders with `tellsEnds`. */
    this.endedAtMs = [];
    this.upload = order.upload === undefined ? undefined : uploadOf(order.upload);
  }

  get maySend() {
    if (this.order.requests !== undefined && this.started >= this.order.requests) return false;
    return this.endsAtMs === undefined || performance.now() < this.endsAtMs;
  }

  request() {
    const { path, headers, body } = this.order;
    const { method = 'POST' } = this.order;
    if (this.upload === undefined) return { path, method, headers, body };
    const { contentType, contentLength, stream } = this.upload;
    return { path, method, headers: { ...headers, 'content-type': contentType, 'content-length': String(contentLength) }, body: stream() };
  }

  fail(problem) {
    this.errors += 1;
    if (this.problems.length < KEPT_PROBLEMS) this.problems.push(problem.slice(0, KEPT_PROBLEM_BYTES));
  }

  /** Calls `done` when the answer has been read. `sinceMs`: when it should have been sent. */
  send(client, sinceMs, done) {
    this.started += 1;
    const isSample = this.samples.length < (this.order.samples ?? 0);
    const kept = [];
    if (isSample) this.samples.push(kept);
    let status = 0;
    client.dispatch(
      { ...this.request(), headersTimeout: NO_TIMEOUT, bodyTimeout: NO_TIMEOUT },
      {
        onRequestStart() {},
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData: (_controller, part) => {
          this.bytes += part.length;
          if (isSample || (status >= 400 && kept.length === 0)) kept.push(Buffer.from(part));
        },
        onResponseEnd: () => {
          if (status >= 200 && status < 300) this.latencies.push(performance.now() - sinceMs);
          else this.fail(`${status} ${Buffer.concat(kept).toString()}`);
          if (this.order.tellsEnds) this.endedAtMs.push(sharedClockMs());
          done();
        },
        onResponseError: (_controller, error) => {
          this.fail(error.message);
          done();
        },
      },
    );
  }

  async closedLoop(clients) {
    await Promise.all(
      clients.map(
        (client) =>
          new Promise((resolve) => {
            const next = () => {
              if (this.maySend) this.send(client, performance.now(), next);
              else resolve();
            };
            next();
          }),
      ),
    );
  }

  /** Requests start when they are due, however slow the answers are; who waits for a connection is waiting. */
  async openLoop(clients) {
    const startedAtMs = performance.now();
    const idle = [...clients];
    const due = [];
    let finished = 0;
    await new Promise((resolve) => {
      const work = () => {
        while (idle.length > 0 && due.length > 0) {
          const client = idle.pop();
          this.send(client, due.shift(), () => {
            idle.push(client);
            finished += 1;
            work();
          });
        }
      };
      let planned = 0;
      const timer = setInterval(() => {
        const isOver = performance.now() >= this.endsAtMs;
        for (;;) {
          const dueAtMs = startedAtMs + (planned * 1000) / this.order.rate;
          if (dueAtMs > performance.now() || dueAtMs >= this.endsAtMs) break;
          due.push(dueAtMs);
          planned += 1;
        }
        work();
        if (isOver && finished === planned) {
          clearInterval(timer);
          resolve();
        }
      }, 1);
    });
  }

  async execute() {
    const { url, connections, durationMs, rate } = this.order;
    const clients = Array.from({ length: connections }, () => new Client(url, { pipelining: 1, bodyTimeout: 0, headersTimeout: 0 }));
    const cpuBefore = process.cpuUsage();
    const startedAtMs = performance.now();
    this.endsAtMs = durationMs === undefined ? undefined : startedAtMs + durationMs;
    await (rate === undefined ? this.closedLoop(clients) : this.openLoop(clients));
    const elapsedMs = performance.now() - startedAtMs;
    const cpu = process.cpuUsage(cpuBefore);
    const checked = await this.checkSamples();
    await Promise.all(clients.map((client) => client.destroy()));
    const sorted = Float64Array.from(this.latencies).sort();
    return {
      requests: sorted.length,
      errors: this.errors,
      problems: this.problems,
      checked,
      bytes: this.bytes,
      elapsedMs,
      rps: (sorted.length * 1000) / elapsedMs,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      maxMs: percentile(sorted, 1),
      ...(this.order.tellsEnds ? { endedAtMs: this.endedAtMs } : {}),
      loadCpuShare: (cpu.user + cpu.system) / 1000 / elapsedMs,
    };
  }

  async checkSamples() {
    const { side } = this.order;
    if (this.samples.length === 0 || side === undefined) return 0;
    const picture = buildPicture(side);
    for (const parts of this.samples) {
      const { data } = JSON.parse(Buffer.concat(parts).toString());
      verifyPicture(await pictureBytes(data[0], this.order), picture);
    }
    return this.samples.length;
  }
}

async function pictureBytes(item, { url, wants }) {
  if (wants === 'b64_json') {
    if (typeof item.b64_json !== 'string') throw new Error(`expected b64_json, found ${Object.keys(item)}`);
    return Buffer.from(item.b64_json, 'base64');
  }
  if (typeof item.url !== 'string') throw new Error(`expected a url, found ${Object.keys(item)}`);
  const target = new URL(item.url, url);
  const client = new Client(url);
  try {
    const { statusCode, body } = await client.request({ path: target.pathname + target.search, method: 'GET' });
    const bytes = Buffer.from(await body.arrayBuffer());
    if (statusCode !== 200) throw new Error(`the file answered ${statusCode}: ${bytes.subarray(0, KEPT_PROBLEM_BYTES)}`);
    return bytes;
  } finally {
    await client.close();
  }
}

/**
 * Uploads until the server answers, and tells how much of the upload had been handed to the kernel by then.
 * @param order `announcedBytes`: `'true'`, a length that is not the true one, or undefined for none
 */
async function refusedUpload({ url, path, headers, upload, announcedBytes }) {
  const { contentType, contentLength, stream } = uploadOf(upload);
  const client = new Client(url, { pipelining: 1, headersTimeout: 30_000, bodyTimeout: 30_000 });
  const announced = announcedBytes === 'true' ? contentLength : announcedBytes;
  let sentBytes = 0;
  async function* counted() {
    for await (const part of stream()) {
      yield part;
      sentBytes += part.length;
    }
  }
  const startedAtMs = performance.now();
  try {
    const { statusCode, body } = await client.request({
      path,
      method: 'POST',
      headers: { ...headers, 'content-type': contentType, ...(announced === undefined ? {} : { 'content-length': String(announced) }) },
      body: counted(),
    });
    const sentAtAnswer = sentBytes;
    const text = await body.text();
    return {
      status: statusCode,
      sentBytes: sentAtAnswer,
      elapsedMs: performance.now() - startedAtMs,
      text: text.slice(0, KEPT_PROBLEM_BYTES),
    };
  } finally {
    await client.destroy();
  }
}

answerCalls({ run: (order) => new Run(order).execute(), refusedUpload });
