// A vendor that speaks OpenAI's image endpoints as fast as Node can. The path says how it behaves: `/50ms/1672px/v1/…` answers after 50 ms
// with a picture of 1672 x 1672; `/parked/1px/v1/…` answers when it is told to. Every picture is another one.
import { createServer } from 'node:http';
import { buildPicture, stamp } from '../lib/picture.mjs';
import { sharedClockMs } from '../lib/statistics.mjs';
import { answerCalls, listen } from './answer-calls.mjs';

const ROUTE = /^\/(?:(\d+)ms|parked)\/(\d+)px\/v1\/images\/(?:generations|edits)$/;
/** With every count that OpenAI's answers have. */
const USAGE = {
  total_tokens: 205,
  input_tokens: 9,
  output_tokens: 196,
  input_tokens_details: { text_tokens: 9, image_tokens: 0 },
};
const AFTER = Buffer.from(`"}],"usage":${JSON.stringify(USAGE)}}`);

const behaviours = new Map();
const answers = new Map();
const parked = new Set();
const counts = { requests: 0, bodyBytes: 0 };
let pictures = 0;

function answerOf(side) {
  let answer = answers.get(side);
  if (answer === undefined) {
    const { head, tail } = buildPicture(side);
    const before = Buffer.from(`{"created":1767225600,"data":[{"b64_json":"${head.toString('base64')}`);
    const after = Buffer.concat([Buffer.from(tail.toString('base64')), AFTER]);
    answer = { before, after, bytes: before.length + stamp(0).toString('base64').length + after.length };
    answers.set(side, answer);
  }
  return answer;
}

function behaviourOf(url) {
  let behaviour = behaviours.get(url);
  if (behaviour === undefined) {
    const match = ROUTE.exec(url);
    if (match === null) return undefined;
    behaviour = { delayMs: match[1] === undefined ? undefined : Number(match[1]), answer: answerOf(Number(match[2])) };
    behaviours.set(url, behaviour);
  }
  return behaviour;
}

function send(response, { before, after, bytes }) {
  pictures += 1;
  const number = Buffer.from(stamp(pictures).toString('base64'));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes });
  if (bytes < 65_536) {
    response.end(Buffer.concat([before, number, after]));
    return;
  }
  response.write(before);
  response.write(number);
  response.end(after);
}

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  const behaviour = behaviourOf(request.url);
  request.on('data', (part) => {
    counts.bodyBytes += part.length;
  });
  request.on('end', () => {
    if (behaviour === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end(`{"error":{"message":"no route ${request.url}"}}`);
      return;
    }
    counts.requests += 1;
    const { delayMs, answer } = behaviour;
    if (delayMs === 0) send(response, answer);
    else if (delayMs !== undefined) setTimeout(send, delayMs, response, answer);
    else {
      const release = () => send(response, answer);
      parked.add(release);
      response.once('close', () => parked.delete(release));
    }
  });
});
server.keepAliveTimeout = 600_000;

answerCalls({
  listen: () => listen(server),
  /** Bytes of one answer. */
  describe: ({ side }) => ({ answerBytes: answerOf(side).bytes, pictureBytes: buildPicture(side).bytes }),
  counts: () => ({ ...counts, parked: parked.size }),
  /** Answers all at once, and tells when it began. */
  release: () => {
    const releasedAtMs = sharedClockMs();
    const releases = [...parked];
    parked.clear();
    for (const release of releases) release();
    return { releasedAtMs };
  },
});
