import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { type Config, ownUrl } from '../../platform/config/index.js';
import { VERSION } from '../version.js';
import { completeDocument } from './document-rules.js';

/** The document that is served, committed and linted. */
export function buildOpenApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('LiteGen API')
    .setDescription('One OpenAI-compatible API in front of every vendor of AI images and videos.')
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This gateway')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'API key', description: 'An API key (`sk_live_…`) or the master key.' },
      'bearer',
    )
    .addApiKey({ type: 'apiKey', in: 'header', name: 'api-key', description: 'The same key, as Azure’s clients send it.' }, 'api-key')
    .addSecurityRequirements('bearer')
    .addSecurityRequirements('api-key')
    // In the order in which people look for them; the others follow.
    .addTag('Images')
    .addTag('Videos')
    .addTag('Generations')
    .addTag('Models')
    .build();
  return completeDocument(SwaggerModule.createDocument(app, config, { operationIdFactory: (_controller, method) => method }));
}

/**
 * @param server where callers reach the gateway, if it says so
 * @returns the document that is served; it is built when it is first asked for
 */
export function serveOpenApi(app: NestFastifyApplication, server: Pick<Config['server'], 'public_url'>): () => OpenAPIObject {
  let built: OpenAPIObject | undefined;
  const document = (): OpenAPIObject => {
    built ??= { ...buildOpenApi(app), servers: [{ url: ownUrl(server, '') || '/', description: 'This gateway' }] };
    return built;
  };
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'LiteGen API',
    swaggerOptions: { persistAuthorization: true, tryItOutEnabled: true },
  });
  // Whoever opens the gateway's own address in a browser finds something there.
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  fastify.get('/', (_request, reply) => reply.redirect(ownUrl(server, '/docs')));
  return document;
}
