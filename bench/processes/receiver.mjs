// A receiver of webhooks that answers 204 at once and counts which messages arrived how often.
import { createServer } from 'node:http';
import { answerCalls, listen } from './answer-calls.mjs';

/** By `webhook-id`: `{type, generationId, deliveries}`. */
const messages = new Map();

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const id = request.headers['webhook-id'];
    const { type, data } = JSON.parse(Buffer.concat(parts).toString());
    const known = messages.get(id) ?? { type, generationId: data?.id, deliveries: 0 };
    known.deliveries += 1;
    messages.set(id, known);
    response.writeHead(204).end();
  });
});

answerCalls({
  listen: () => listen(server),
  messages: () => [...messages.values()],
});
