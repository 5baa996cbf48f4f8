import type { AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CatalogService, type Model } from '../../domain/catalog/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import type { Exposure } from '../../platform/config/index.js';
import { VERSION } from '../version.js';

export interface StartedFacts {
  /** Where it is reached from this machine, such as `http://127.0.0.1:4000`. */
  readonly url: string;
  /** What it is bound to, such as `0.0.0.0:4000`. */
  readonly bound: string;
  /** Providers that can be called. */
  readonly providers: readonly string[];
  /** What the others lack, such as `fal (set FAL_KEY)`. */
  readonly unconfigured: readonly string[];
  /** The first model that draws pictures here. */
  readonly model?: string;
  /** Files that settings come from. */
  readonly files: readonly string[];
  readonly exposure: Exposure;
}

/** Every address of the machine, as it is written to reach it from the machine itself. */
const ANY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

export function startedFacts(app: NestFastifyApplication, given: Pick<StartedFacts, 'files' | 'exposure'>): StartedFacts {
  const { address, port, family } = app.getHttpServer().address() as AddressInfo;
  const written = family === 'IPv6' ? `[${address}]` : address;
  const registry = app.get(ProviderRegistry);
  // Pictures of the mock cost nothing.
  const drawing = registry.get('mock') === undefined ? app.get(CatalogService).models().find(drawsHere(registry))?.id : 'mock/paint';
  return {
    url: `http://${ANY[address] ?? written}:${port}`,
    bound: `${written}:${port}`,
    providers: registry.list().flatMap(({ providerId, configured }) => (configured ? [providerId] : [])),
    unconfigured: registry
      .list()
      .flatMap(({ providerId, enabled, configured, toSet }) =>
        enabled && !configured ? [`${providerId} (set ${toSet.join(' and ')})`] : [],
      ),
    ...(drawing === undefined ? {} : { model: drawing }),
    ...given,
  };
}

function drawsHere(registry: ProviderRegistry): (model: Model) => boolean {
  return ({ provider, operations }) => registry.get(provider) !== undefined && operations.includes('image.generate');
}

/** What a person at a terminal wants to know first. */
export function banner({ url, bound, providers, unconfigured, model, files, exposure }: StartedFacts): string {
  const isEverywhere = !bound.startsWith(url.slice('http://'.length));
  const lines = [
    '',
    `LiteGen is ready at ${url}${isEverywhere ? ` (bound to ${bound}, every address of this machine)` : ''}`,
    `  Version     ${VERSION}`,
    `  API         ${url}/v1`,
    `  Swagger UI  ${url}/docs`,
    `  Settings    ${files.length > 0 ? files.join(', ') : 'defaults and environment (no litegen.yaml)'}`,
    `  Providers   ${providers.join(', ') || 'none is configured'}`,
    ...(unconfigured.length > 0 ? [`  Others      ${unconfigured.join(', ')}`] : []),
    '',
  ];
  if (model !== undefined) {
    lines.push(
      'Draw a picture; the answer has a link to it:',
      `  curl ${url}/v1/images/generations${exposure.kind === 'protected' ? ' -H "Authorization: Bearer $LITEGEN_KEY"' : ''} \\`,
      `    -H 'Content-Type: application/json' \\`,
      `    -d '{"model": "${model}", "prompt": "a red fox under a teal sky", "response_format": "url"}'`,
      '',
    );
  }
  if (exposure.kind === 'local') lines.push('No master key is set: everybody on this machine is an administrator.', '');
  return `${lines.join('\n')}\n`;
}
