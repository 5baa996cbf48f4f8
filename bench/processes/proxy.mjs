// What a gateway is measured against: Fastify and undici, which hand request and answer through and do nothing else.
import Fastify from 'fastify';
import { Pool } from 'undici';
import { answerCalls } from './answer-calls.mjs';

answerCalls({
  listen: async ({ vendorUrl, connections }) => {
    const pool = new Pool(vendorUrl, { connections, pipelining: 1 });
    const app = Fastify({ logger: false });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.post('/*', async (request, reply) => {
      const { statusCode, headers, body } = await pool.request({
        path: request.url,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: request.body,
      });
      const answer = Buffer.from(await body.arrayBuffer());
      return reply.code(statusCode).header('content-type', headers['content-type']).send(answer);
    });
    return app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
  },
});
