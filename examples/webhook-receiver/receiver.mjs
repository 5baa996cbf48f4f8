import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { verifyWebhook } from './verify.mjs';

const { LITEGEN_WEBHOOK_SECRET, PORT = '8080' } = process.env;
if (!LITEGEN_WEBHOOK_SECRET) throw new Error("Set LITEGEN_WEBHOOK_SECRET to the endpoint's whsec_…");

/** Delivery is at least once. An application keeps these ids in its database, in the transaction that handles the event. */
const handled = new Set();

const server = createServer(async (request, response) => {
  let event;
  try {
    event = verifyWebhook(LITEGEN_WEBHOOK_SECRET, request.headers, await text(request));
  } catch (error) {
    console.log(`refused: ${error.message}`);
    response.writeHead(400).end();
    return;
  }
  const id = request.headers['webhook-id'];
  if (!handled.has(id)) {
    handled.add(id);
    console.log(`${event.type} ${event.data.id}`);
  }
  // Only now: what was not answered is delivered again.
  response.writeHead(204).end();
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`Listening at http://127.0.0.1:${server.address().port}/`));
