import type { OutgoingHttpHeaders } from 'node:http';
import helmet from '@fastify/helmet';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';

/** Headers that tell browsers what not to do with an answer. They never differ, so the library makes them once. */
export async function installSecurityHeaders(app: NestFastifyApplication): Promise<void> {
  await app.register(helmet, {
    global: false,
    // Swagger UI needs inline styles; the rest of the API serves JSON and files, which a tight policy suits.
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        mediaSrc: ["'self'"],
        upgradeInsecureRequests: null,
      },
    },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    strictTransportSecurity: false,
  });
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  let known: OutgoingHttpHeaders | undefined;
  fastify.addHook('onRequest', (_request, reply, done) => {
    if (known === undefined) {
      // It writes to the answer below Fastify's, on which nothing else writes.
      void reply.helmet();
      known = { ...reply.raw.getHeaders() };
      for (const name of Object.keys(known)) reply.raw.removeHeader(name);
    }
    reply.headers(known);
    done();
  });
}
