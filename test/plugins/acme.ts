import { type HttpSimulator, jsonReply, makeMp4, makePng, startHttpSimulator } from '@litegen/plugin-sdk/testing';

/** The invented vendor of the plugin author's guide, as its template speaks to it. */
export function startAcme(apiKey: string): Promise<HttpSimulator> {
  const films = new Set<string>();
  return startHttpSimulator((request) => {
    const { method, path, headers } = request;
    const origin = `http://${headers['host'] ?? ''}`;
    if (path.startsWith('/files/')) return { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(4096) };
    if (headers['authorization'] !== `Bearer ${apiKey}`) return jsonReply(401, { error: { code: 'bad_key', message: 'unknown key' } });
    if (method === 'POST' && path === '/v1/images') {
      const { count } = request.json() as { count: number };
      const images = Array.from({ length: count }, () => ({ b64: makePng().toString('base64'), seed: 7 }));
      return jsonReply(200, { id: 'img_1', images });
    }
    if (method === 'POST' && path === '/v1/videos') {
      const id = `film ${films.size + 1}`;
      films.add(id);
      return jsonReply(202, { id, status: 'queued', progress: 0 });
    }
    const id = decodeURIComponent(/^\/v1\/videos\/([^/]+)$/.exec(path)?.[1] ?? '');
    if (!films.has(id)) return jsonReply(404, { error: { code: 'no_route', message: 'no such route' } });
    return jsonReply(200, { id, status: 'done', progress: 100, url: `${origin}/files/1.mp4` });
  });
}
