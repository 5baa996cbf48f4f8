import {
  applyMigrations,
  closeDataSources,
  type MigrationTurn,
  type OpenDataSources,
  openDataSources,
  revertMigration,
} from '../../platform/database/index.js';
import type { CliHost } from './host.js';

type MigrationHost = Pick<CliHost, 'loadConfig' | 'migrations' | 'terminal'>;

export async function migrate(host: MigrationHost): Promise<void> {
  await withDatabase(host, async ({ writer }, turn) => {
    const applied = await applyMigrations(writer, turn);
    for (const name of applied) host.terminal.out(`applied ${name}\n`);
    if (applied.length === 0) host.terminal.out('the schema is up to date\n');
  });
}

export async function revert(host: MigrationHost): Promise<void> {
  await withDatabase(host, async ({ writer }, turn) => {
    const name = await revertMigration(writer, turn);
    host.terminal.out(name === undefined ? 'nothing to revert\n' : `reverted ${name}\n`);
  });
}

async function withDatabase(host: MigrationHost, work: (sources: OpenDataSources, turn: MigrationTurn) => Promise<void>): Promise<void> {
  const { config } = host.loadConfig();
  const sources = await openDataSources(config, [], host.migrations);
  try {
    await work(sources, {
      waitSeconds: config.database.migration_wait_seconds,
      tell: (line) => host.terminal.error(`${line}\n`),
    });
  } finally {
    await closeDataSources(sources);
  }
}
