import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { pngOf } from '@litegen/plugin-sdk/testing';

/** What the played vendor accepts. */
export const SECRETS = { apiKey: 'acme-key-8c1e52f7', webhookSecret: 'acme-hook-3b90d4aa' };

/**
 * Plays Acme's HTTP API on a free local port. Write it from the vendor's documentation, not from the plugin's code:
 * then the tests find what the plugin gets wrong.
 *
 * @param {string} publicUrl Where the plugin sees this server; answers build their absolute URLs from it.
 */
export async function startVendor(publicUrl) {
  const films = new Map();
  const routes = {
    'GET /v1/account': () => [200, { name: 'test' }],
    'POST /v1/images': (body) => {
      const images = Array.from({ length: body.count }, () => ({ b64: Buffer.from(pngOf(8, 8)).toString('base64'), seed: 7 }));
      const usage = { input_tokens: 9, output_tokens: 100 * body.count };
      return [200, { id: 'img_1', images, usage, revised_prompt: `${body.prompt}, painted` }];
    },
    'POST /v1/videos': () => {
      const film = { id: `film ${films.size + 1}`, status: 'queued', progress: 0 };
      films.set(film.id, film);
      return [202, film];
    },
    'GET /v1/videos': (_body, id) => {
      const film = films.get(id);
      if (film === undefined) return [404, { error: { code: 'not_found', message: 'no such film' } }];
      const answer = { ...film };
      if (film.status === 'queued') Object.assign(film, { status: 'running', progress: 50 });
      else if (film.status === 'running') Object.assign(film, { status: 'done', progress: 100, url: `${publicUrl}/files/${films.size}.mp4` });
      return [200, answer];
    },
    'DELETE /v1/videos': (_body, id) => {
      const film = films.get(id);
      if (film === undefined || film.status === 'done') return [409, { error: { code: 'too_late', message: 'it is done' } }];
      film.status = 'cancelled';
      return [200, film];
    },
  };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const answer = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${SECRETS.apiKey}`) {
      return answer(401, { error: { code: 'bad_key', message: 'unknown key' } });
    }
    const [, , collection, id] = new URL(request.url, publicUrl).pathname.split('/');
    const route = routes[`${request.method} /v1/${collection}`];
    if (route === undefined) return answer(404, { error: { code: 'no_route', message: 'no such route' } });
    const body = parts.length === 0 ? undefined : JSON.parse(Buffer.concat(parts).toString('utf8'));
    return answer(...route(body, id === undefined ? undefined : decodeURIComponent(id)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A call back as Acme would send it for a finished film. */
export function genuineDelivery(operation, secrets) {
  const body = Buffer.from(JSON.stringify({ id: operation.id, status: 'done', progress: 100, url: 'https://files.acme-cdn.test/1.mp4' }));
  const signature = createHmac('sha256', secrets.webhookSecret).update(body).digest('hex');
  return { method: 'POST', headers: { 'content-type': 'application/json', 'acme-signature': signature }, query: {}, body };
}
