// A receiver of webhooks that answers 204 at once and counts which messages arrived how often, and how long after what they tell.
import { createServer } from 'node:http';
import { answerCalls, listen } from './answer-calls.mjs';

/** By `webhook-id`: `{type, generationId, deliveries, atMs, lagMs}`: when it happened, and how much later it was delivered first. */
const messages = new Map();

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const nowMs = Date.now();
    const id = request.headers['webhook-id'];
    const { type, timestamp, data } = JSON.parse(Buffer.concat(parts).toString());
    const atMs = Date.parse(timestamp);
    const known = messages.get(id) ?? { type, generationId: data?.id, deliveries: 0, atMs, lagMs: nowMs - atMs };
    known.deliveries += 1;
    messages.set(id, known);
    response.writeHead(204).end();
  });
});

answerCalls({
  listen: () => listen(server),
  messages: () => [...messages.values()],
  forget: () => messages.clear(),
});
