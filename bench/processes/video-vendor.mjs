// A vendor of videos that speaks OpenAI's video endpoints, under any first part of the path: `/steady/v1/videos`. Jobs are done when they are
// told to be. `/hung/v1/…` takes jobs and connections, and never answers a question about a job.
import { createServer } from 'node:http';
import { answerCalls, listen } from './answer-calls.mjs';

const ROUTE = /^\/(\w+)\/v1\/videos(?:\/([^/]+)(\/content)?)?$/;
const HUNG = 'hung';
const FILE = makeMp4();

/** Jobs by id: `{account, doneAtMs, seenAtMs}`. */
const jobs = new Map();
const counts = { polls: 0, unanswered: 0, mostUnanswered: 0, files: 0 };

function makeMp4() {
  const box = (type, data) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length + 8, 0);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, data]);
  };
  // One second of 64x36 pixels, as its headers say.
  const movie = Buffer.alloc(100);
  movie.writeUInt32BE(1000, 12);
  movie.writeUInt32BE(1000, 16);
  const track = Buffer.alloc(84);
  track.writeUInt32BE(64 * 65_536, 76);
  track.writeUInt32BE(36 * 65_536, 80);
  const moov = box('moov', Buffer.concat([box('mvhd', movie), box('trak', box('tkhd', track))]));
  return Buffer.concat([box('ftyp', Buffer.from('isom\0\0\x02\0isomiso2mp41')), moov, box('mdat', Buffer.alloc(1024, 0x5a))]);
}

function json(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

function leaveUnanswered(response) {
  counts.unanswered += 1;
  counts.mostUnanswered = Math.max(counts.mostUnanswered, counts.unanswered);
  response.once('close', () => {
    counts.unanswered -= 1;
  });
}

function answerStatus(response, id, job) {
  counts.polls += 1;
  const now = Date.now();
  const isDone = now >= job.doneAtMs;
  if (isDone) job.seenAtMs ??= now;
  json(response, 200, { id, status: isDone ? 'completed' : 'in_progress' });
}

function answer(request, response) {
  const [, account, id, content] = ROUTE.exec(request.url) ?? [];
  const job = jobs.get(id);
  if (request.method === 'POST' && account !== undefined) {
    const name = `${account}-${jobs.size}`;
    jobs.set(name, { account, doneAtMs: Number.POSITIVE_INFINITY });
    json(response, 200, { id: name, status: 'queued' });
  } else if (job === undefined) json(response, 404, { error: { message: `no ${request.method} ${request.url}` } });
  else if (account === HUNG) leaveUnanswered(response);
  else if (content === undefined) answerStatus(response, id, job);
  else {
    counts.files += 1;
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': FILE.length }).end(FILE);
  }
}

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  request.resume();
  request.on('end', () => answer(request, response));
});
server.keepAliveTimeout = 600_000;

const healthy = () => [...jobs.values()].filter(({ account }) => account !== HUNG);

answerCalls({
  listen: () => listen(server),
  /** Every job of a healthy account is done at a random moment between `afterMs` and `afterMs + overMs` from now. */
  finish: ({ afterMs, overMs }) => {
    const now = Date.now();
    for (const job of healthy()) job.doneAtMs = now + afterMs + Math.random() * overMs;
  },
  counts: () => ({ ...counts, jobs: jobs.size, healthy: healthy().length, seen: healthy().filter(({ seenAtMs }) => seenAtMs).length }),
  /** From a job's end to the first question that was told of it, milliseconds. */
  lags: () => healthy().flatMap(({ doneAtMs, seenAtMs }) => (seenAtMs === undefined ? [] : [seenAtMs - doneAtMs])),
  /** Forgets the healthy accounts' jobs and the counts. */
  forget: () => {
    for (const [id, { account }] of jobs) if (account !== HUNG) jobs.delete(id);
    Object.assign(counts, { polls: 0, mostUnanswered: counts.unanswered, files: 0 });
  },
});
