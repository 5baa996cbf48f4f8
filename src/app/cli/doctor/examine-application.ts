import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CatalogService } from '../../../domain/catalog/index.js';
import { type LoadedProvider, ProviderRegistry } from '../../../domain/providers/index.js';
import { type Config, ConfigError } from '../../../platform/config/index.js';
import { capped, EgressService, OriginList } from '../../../platform/security/index.js';
import { type DoctorHost, type ExamineOptions, type Finding, firstLine } from './finding.js';

const CHECK_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 1_000;
const MAX_ANSWER_BYTES = 65_536;

/** Builds the application and looks at its plugins and models. */
export async function* examineApplication(config: Config, host: DoctorHost, { online = false }: ExamineOptions): AsyncGenerator<Finding> {
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
        remedy: 'The gateway does not start like this. Capability files are described in docs/extend/model-yaml.md.',
      }),
    );
    return;
  }
  try {
    yield* plugins(app.get(ProviderRegistry));
    if (online) yield* credentials(app.get(ProviderRegistry));
    yield models(app.get(CatalogService), app.get(ProviderRegistry));
    yield* running(app.get(EgressService), config);
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
  for (const { name, enabled, configured, toSet, plugin } of providers) {
    const label = `${name} (${plugin.package} ${plugin.version})`;
    if (configured) yield { level: 'ok', subject: 'provider', message: `${label} can be called` };
    else if (!enabled) yield { level: 'skip', subject: 'provider', message: `${label} is switched off` };
    else yield { level: 'skip', subject: 'provider', message: `${label} is not configured; set ${toSet.join(' and ')}` };
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

/** Whether each vendor takes the credential, which the plugins find out without any cost. */
async function* credentials(registry: ProviderRegistry): AsyncGenerator<Finding> {
  for (const provider of registry.list()) {
    const { providerId, configured, instance, toSet } = provider;
    if (!configured) {
      yield { level: 'skip', subject: 'vendor', message: `${providerId} is not asked: set ${toSet.join(' and ')}` };
    } else if (instance.check === undefined) {
      yield { level: 'skip', subject: 'vendor', message: `${providerId} cannot be asked: its plugin has no check` };
    } else {
      yield await checkCredential(registry, provider);
    }
  }
}

async function checkCredential(registry: ProviderRegistry, provider: LoadedProvider): Promise<Finding> {
  const { providerId, instance } = provider;
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  try {
    const call = registry.createCall(providerId, { signal, idempotencyKey: randomUUID(), headersTimeoutMs: CHECK_TIMEOUT_MS });
    await registry.run(provider, { what: `check of ${providerId}`, call, run: () => instance.check?.(call) });
    return { level: 'ok', subject: 'vendor', message: `${providerId} takes the credential` };
  } catch (error) {
    return {
      level: 'fail',
      subject: 'vendor',
      message: `${providerId} does not work: ${firstLine(error)}`,
      remedy: 'Check the credential, its rights and the way to the vendor.',
    };
  }
}

/** What a gateway that serves at the address of these settings says of itself, such as a plugin that it took out of use. */
async function* running(egress: EgressService, { server }: Config): AsyncGenerator<Finding> {
  if (server.port === 0) return;
  const host = ['0.0.0.0', '::'].includes(server.host) ? '127.0.0.1' : server.host;
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
  let reasons: readonly unknown[];
  try {
    const policy = { kind: 'vendor', declared: new OriginList([]), trusted: new OriginList([origin]) } as const;
    const { body } = await egress.request(`${origin}/health/ready`, { policy, totalTimeoutMs: ANSWER_TIMEOUT_MS });
    const parts: Buffer[] = [];
    for await (const part of capped(body, MAX_ANSWER_BYTES)) parts.push(Buffer.from(part));
    const answer = JSON.parse(Buffer.concat(parts).toString('utf8')) as { checks?: unknown; reasons?: unknown } | null;
    if (typeof answer?.checks !== 'object' || !Array.isArray(answer.reasons)) return;
    reasons = answer.reasons;
  } catch {
    // Nothing serves there, or something else does.
    return;
  }
  if (reasons.length === 0) yield { level: 'ok', subject: 'running', message: `the gateway at ${origin} is ready` };
  for (const reason of reasons) {
    yield { level: 'warn', subject: 'running', message: `the gateway at ${origin} says: ${String(reason)}`, remedy: 'Its log tells more.' };
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
