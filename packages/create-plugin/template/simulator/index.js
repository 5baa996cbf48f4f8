import { createHmac } from 'node:crypto';
import { jsonReply, makeMp4, makePng, startHttpSimulator } from '@litegen/plugin-sdk/testing';

/** What the simulator accepts. */
export const SECRETS = { apiKey: 'acme-key-8c1e52f7', webhookSecret: 'acme-hook-3b90d4aa' };

/**
 * Plays Acme's HTTP API on a local port. Write it from the vendor's documentation, not from the plugin's code: then the
 * tests find what the plugin gets wrong.
 *
 * @param {object} [options]
 * @param {string} [options.publicUrl] Where the plugin sees this server; answers build their absolute URLs from it.
 *   Default: as the request names it.
 * @param {number} [options.port] Default: a free one.
 * @param {number} [options.polls] How often a film's status is asked until it is done. Default 2.
 */
export function startSimulator({ publicUrl, port, polls = 2 } = {}) {
  /** @type {Map<string, { id: string, asked: number, cancelled: boolean }>} */
  const films = new Map();

  return startHttpSimulator(
    (request) => {
      const { method, path, headers } = request;
      if (path.startsWith('/files/')) return { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4() };
      if (headers.authorization !== `Bearer ${SECRETS.apiKey}`) return failure(401, 'bad_key', 'unknown key');
      const [, , collection, id = ''] = path.split('/').map(decodeURIComponent);
      const film = films.get(id);
      switch (`${method} ${collection}`) {
        case 'GET account':
          return jsonReply(200, { name: 'test' });
        case 'POST images':
          return paint(/** @type {{ count: number, prompt: string }} */ (request.json()));
        case 'POST videos': {
          const accepted = { id: `film ${films.size + 1}`, asked: 0, cancelled: false };
          films.set(accepted.id, accepted);
          return jsonReply(202, { id: accepted.id, status: 'queued', progress: 0 });
        }
        case 'GET videos':
          if (film === undefined) return failure(404, 'not_found', 'no such film');
          film.asked += 1;
          if (film.cancelled) return jsonReply(200, { id, status: 'cancelled' });
          if (film.asked < polls) return jsonReply(200, { id, status: 'running', progress: 50 });
          return jsonReply(200, { id, status: 'done', progress: 100, url: `${publicUrl ?? `http://${headers.host}`}/files/1.mp4` });
        case 'DELETE videos':
          if (film === undefined || film.asked >= polls) return failure(409, 'too_late', 'it is done');
          film.cancelled = true;
          return jsonReply(200, { id, status: 'cancelled' });
        default:
          return failure(404, 'no_route', 'no such route');
      }
    },
    { port },
  );
}

/** @param {{ count: number, prompt: string }} body */
function paint({ count, prompt }) {
  const images = Array.from({ length: count }, () => ({ b64: makePng().toString('base64'), seed: 7 }));
  const usage = { input_tokens: 9, output_tokens: 100 * count };
  return jsonReply(200, { id: 'img_1', images, usage, revised_prompt: `${prompt}, painted` });
}

/**
 * @param {number} status
 * @param {string} code
 * @param {string} message
 */
function failure(status, code, message) {
  return jsonReply(status, { error: { code, message } });
}

/**
 * A callback as Acme would send it for a finished film.
 *
 * @type {NonNullable<import('@litegen/plugin-sdk/testing').ConformanceSetup['delivery']>}
 */
export function genuineDelivery(operation, secrets) {
  const { id } = /** @type {{ id: string }} */ (operation);
  const body = Buffer.from(JSON.stringify({ id, status: 'done', progress: 100, url: 'https://files.acme-cdn.test/1.mp4' }));
  const signature = createHmac('sha256', secrets.webhookSecret ?? '').update(body).digest('hex');
  return { method: 'POST', headers: { 'content-type': 'application/json', 'acme-signature': signature }, query: {}, body };
}
