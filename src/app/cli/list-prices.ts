import { CatalogService, type PluginModelDirectory } from '../../domain/catalog/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import { Clock } from '../../platform/common/index.js';
import { auditPrices, loadPriceFixtures, type PriceAudit, type PriceCheck } from '../../policy/costs/index.js';
import type { CliHost } from './host.js';
import { jsonText } from './output.js';

export interface PricesOptions {
  readonly json?: boolean;
  /** Only models whose id begins with this. */
  readonly model?: string;
}

type PricesHost = Pick<CliHost, 'loadConfig' | 'createApplication' | 'terminal'>;

/** What `--json` prints. */
export interface PriceReport extends PriceAudit {
  readonly problems: readonly string[];
}

/** Every published price beside what the gateway makes of the same request; ends with 1 when one differs or is missing. */
export async function listPrices(host: PricesHost, { json = false, model = '' }: PricesOptions): Promise<void> {
  const { terminal } = host;
  const { checks, gaps, covered, problems } = await report(host, model);
  if (json) terminal.out(jsonText({ checks, gaps, covered, problems } satisfies PriceReport));
  else {
    for (const line of tableOf(checks)) terminal.out(`${line}\n`);
    for (const line of [...problems, ...gaps]) terminal.out(`${line}\n`);
  }
  const agreeing = checks.filter(({ agrees }) => agrees).length;
  const summary = `${agreeing} of ${checks.length} published prices to the cent, ${covered} operations of models covered, ${gaps.length} gaps\n`;
  if (json) terminal.error(summary);
  else terminal.out(summary);
  if (agreeing < checks.length || gaps.length > 0 || problems.length > 0) terminal.exitCode(1);
}

async function report(host: PricesHost, prefix: string): Promise<PriceReport> {
  const { config } = host.loadConfig();
  const app = await host.createApplication({ ...config, database_url: 'sqlite://:memory:' });
  try {
    const directories = app
      .get(ProviderRegistry)
      .list()
      .flatMap(({ providerId, pluginId, plugin }): PluginModelDirectory[] =>
        plugin.modelsDirectory === undefined ? [] : [{ providerId, directory: plugin.modelsDirectory, writtenFor: pluginId }],
      );
    const { statements, problems } = await loadPriceFixtures([...directories, { providerId: '', directory: config.models_directory }]);
    const models = app
      .get(CatalogService)
      .models()
      .filter(({ id }) => id.startsWith(prefix));
    const asked = statements.map((one) => ({ ...one, models: one.models.filter((id) => id.startsWith(prefix)) }));
    return { ...auditPrices(models, asked, new Clock().now()), problems };
  } finally {
    await app.close();
  }
}

function tableOf(checks: readonly PriceCheck[]): string[] {
  const rows = checks.map((check) => [
    check.model,
    check.operation,
    check.case,
    check.publishedUsd ?? 'none',
    check.oursUsd ?? 'refused',
    check.differenceUsd ?? '',
    check.agrees ? '' : `WRONG: ${check.problem ?? ''}`,
    `${check.confidence}${check.checked === null ? '' : ` ${check.checked}`}`,
    check.source ?? '',
  ]);
  const table = [['model', 'operation', 'case', 'published', 'ours', 'difference', '', 'read', 'source'], ...rows];
  const widths = table[0]?.map((_cell, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table.map((row) =>
    row
      .map((cell, column) => (column >= 3 && column <= 5 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
