import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '../version.js';

/** The document that is served, committed and linted. */
export function buildOpenApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('LiteGen API')
    .setDescription('One OpenAI-compatible API in front of every vendor of AI images and videos.')
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This gateway')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key (`sk_live_…`) or the master key.' }, 'bearer')
    .addSecurityRequirements('bearer')
    .build();
  return SwaggerModule.createDocument(app, config, { operationIdFactory: (_controller, method) => method });
}

/** @returns the document that is served; it is built when it is first asked for */
export function serveOpenApi(app: NestFastifyApplication): () => OpenAPIObject {
  let built: OpenAPIObject | undefined;
  const document = (): OpenAPIObject => {
    built ??= buildOpenApi(app);
    return built;
  };
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'LiteGen API',
    swaggerOptions: { persistAuthorization: true, tryItOutEnabled: true },
  });
  return document;
}
