import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import fastifyStatic from '@fastify/static';
import { NotFoundException } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Config, ownUrl } from '../../platform/config/index.js';
import type { ApiDocumentation } from './document-rules.js';

/** Written beside this file by the build: the library that generates it takes as much memory and time as the rest of a start. */
const FILE = new URL('./api-documentation.json', import.meta.url);

/**
 * Serves the document, and the page that shows it.
 * @param server where callers reach the gateway, if it says so
 * @returns the document that is served; it is read when it is first asked for
 */
export async function serveOpenApi(
  app: NestFastifyApplication,
  server: Pick<Config['server'], 'public_url'>,
): Promise<() => OpenAPIObject> {
  const documentation = await documentationOf(app);
  let served: OpenAPIObject | undefined;
  const document = (): OpenAPIObject => {
    served ??= { ...documentation().document, servers: [{ url: ownUrl(server, '') || '/', description: 'This gateway' }] };
    return served;
  };
  const adapter = app.getHttpAdapter();
  const get = (path: string, type: string, text: () => string | Promise<string>): void => {
    adapter.get(path, async (_request: FastifyRequest, reply: FastifyReply) => reply.type(type).send(await text()));
  };
  get('/openapi.json', 'application/json', () => JSON.stringify(document()));
  get('/openapi.yaml', 'text/yaml', async () => (await import('yaml')).stringify(document(), { aliasDuplicateObjects: false }));
  for (const path of ['/docs', '/docs/index.html']) get(path, 'text/html', () => documentation().page);
  get('/docs/', 'text/html', () => documentation().folderPage);
  for (const path of ['/docs/swagger-ui-init.js', '/docs/docs/swagger-ui-init.js']) {
    get(path, 'application/javascript', () => documentation().script.join(JSON.stringify(document(), null, 2)));
  }
  // The licence of the page’s library, which would be taken for the gateway’s.
  adapter.get('/docs/LICENSE', () => {
    throw new NotFoundException();
  });
  const fastify: FastifyInstance = adapter.getInstance();
  void fastify.register(fastifyStatic, { root: pageFiles(), prefix: '/docs', decorateReply: false });
  // Whoever opens the gateway's own address in a browser finds something there.
  fastify.get('/', (_request, reply) => reply.redirect(ownUrl(server, '/docs')));
  return document;
}

/** @returns what the build wrote, read when it is first asked for, and generated where nothing was built */
async function documentationOf(app: NestFastifyApplication): Promise<() => ApiDocumentation> {
  let known: ApiDocumentation | undefined;
  if (!existsSync(FILE)) known = await (await import('./openapi-generation.js')).buildDocumentation(app);
  return () => {
    known ??= JSON.parse(readFileSync(FILE, 'utf8')) as ApiDocumentation;
    return known;
  };
}

/** The folder of the page’s own scripts and styles, which come with the library. */
function pageFiles(): string {
  const library = createRequire(import.meta.url).resolve('@nestjs/swagger/package.json');
  return dirname(createRequire(library).resolve('swagger-ui-dist/package.json'));
}
