import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CatalogService } from '../../catalog/index.js';
import { type Config, ConfigError } from '../../config/index.js';
import { ProviderRegistry } from '../../providers/index.js';
import { type DoctorHost, type Finding, firstLine } from './finding.js';

/** Builds the application and looks at its plugins and models. */
export async function* examineApplication(config: Config, host: DoctorHost): AsyncGenerator<Finding> {
  let app: NestFastifyApplication;
  try {
    app = await host.createApplication(config);
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [firstLine(error)];
    yield* problems.map(
      (message): Finding => ({
        level: 'fail',
        subject: 'start',
        message,
        remedy: 'The gateway does not start like this. Capability files are described in docs/model-yaml.md.',
      }),
    );
    return;
  }
  try {
    yield* plugins(app.get(ProviderRegistry));
    yield models(app.get(CatalogService), app.get(ProviderRegistry));
    for (const message of app.get(CatalogService).warnings()) yield { level: 'warn', subject: 'models', message };
  } finally {
    await app.close();
  }
}

function* plugins(registry: ProviderRegistry): Generator<Finding> {
  const { providers, rejected } = registry.catalogEntries();
  for (const { name, reason } of rejected) {
    yield {
      level: 'warn',
      subject: 'plugin',
      message: `${name} is not used: ${reason}`,
      remedy: 'Mend or remove it; plugins.disabled leaves it out.',
    };
  }
  for (const { name, enabled, configured, missing, plugin } of providers) {
    const label = `${name} (${plugin.package} ${plugin.version})`;
    if (configured) yield { level: 'ok', subject: 'provider', message: `${label} can be called` };
    else if (!enabled) yield { level: 'ok', subject: 'provider', message: `${label} is switched off` };
    else yield { level: 'ok', subject: 'provider', message: `${label} is not configured; it needs ${missing.join(', ')}` };
  }
  if (!providers.some(({ configured }) => configured)) {
    yield {
      level: 'fail',
      subject: 'provider',
      message: 'no provider can be called, so the gateway would never be ready',
      remedy: 'Set a vendor’s key, such as OPENAI_API_KEY or FAL_KEY.',
    };
  }
}

function models(catalog: CatalogService, registry: ProviderRegistry): Finding {
  const all = catalog.models();
  const callable = all.filter(({ provider }) => registry.get(provider) !== undefined);
  if (all.length === 0) {
    return { level: 'fail', subject: 'models', message: 'there is no model', remedy: 'Check models_directory and the plugins.' };
  }
  return { level: 'ok', subject: 'models', message: `${all.length} in the catalogue, ${callable.length} of configured providers` };
}
