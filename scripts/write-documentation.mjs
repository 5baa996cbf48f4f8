// Writes what the gateway serves about its API, so that no start has to load the library that generates it. Part of the build.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './files.mjs';

const APP = join(ROOT, 'dist/src/app');
const built = (file) => import(pathToFileURL(join(ROOT, 'dist/src', file)).href);

await import('reflect-metadata');
const { createApplication } = await built('app/http/application.js');
const { buildDocumentation } = await built('app/http/openapi-generation.js');
const { openApiDocument } = await built('app/cli/openapi-document.js');
const { SecretRegistry } = await built('platform/security/index.js');

const silent = { log() {}, warn() {}, error() {} };
const documentation = await openApiDocument({
  createApplication: (config) => createApplication(config, { secrets: new SecretRegistry(), logger: silent }),
  buildOpenApi: buildDocumentation,
});
writeFileSync(join(APP, 'http/api-documentation.json'), JSON.stringify(documentation));
