import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import * as swagger from '@nestjs/swagger';
import { describeApi } from '../../platform/openapi/index.js';
import { VERSION } from '../version.js';
import { type ApiDocumentation, completeDocument } from './document-rules.js';

const DOCUMENT_MARK = 'the document';

/** The document that is served, committed and linted. */
export function buildOpenApi(app: NestFastifyApplication): swagger.OpenAPIObject {
  describeApi(swagger);
  const config = new swagger.DocumentBuilder()
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
  return completeDocument(swagger.SwaggerModule.createDocument(app, config, { operationIdFactory: (_controller, method) => method }));
}

/** All that is served about the API: the document, and the page that shows it. */
export async function buildDocumentation(app: NestFastifyApplication): Promise<ApiDocumentation> {
  // A logger that is named here would be the gateway's from then on.
  const pages = await NestFactory.create<NestFastifyApplication>(Pages, new FastifyAdapter());
  swagger.SwaggerModule.setup('docs', pages, { openapi: DOCUMENT_MARK } as swagger.OpenAPIObject, {
    raw: false,
    customSiteTitle: 'LiteGen API',
    swaggerOptions: { persistAuthorization: true, tryItOutEnabled: true },
  });
  try {
    await pages.init();
    const textOf = async (url: string): Promise<string> => (await pages.inject({ url })).body;
    const [scriptStart, scriptEnd] = (await textOf('/docs/swagger-ui-init.js')).split(/\{\s*"openapi": "the document"\s*\}/);
    if (scriptStart === undefined || scriptEnd === undefined) throw new Error('The page of the API does not hold its document once');
    return {
      // As it is read from a file.
      document: JSON.parse(JSON.stringify(buildOpenApi(app))) as swagger.OpenAPIObject,
      page: await textOf('/docs'),
      folderPage: await textOf('/docs/'),
      script: [scriptStart, scriptEnd],
    };
  } finally {
    await pages.close();
  }
}

@Module({})
class Pages {}
