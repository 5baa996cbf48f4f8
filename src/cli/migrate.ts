import { applyMigrations, closeDataSources, type OpenDataSources, openDataSources, rows, withoutTimeLimit } from '../database/index.js';
import type { CliHost } from './program.js';

type MigrationHost = Pick<CliHost, 'loadConfig' | 'migrations' | 'terminal'>;

export async function migrate(host: MigrationHost): Promise<void> {
  await withDatabase(host, async ({ writer }) => {
    const applied = await applyMigrations(writer);
    for (const name of applied) host.terminal.out(`applied ${name}\n`);
    if (applied.length === 0) host.terminal.out('the schema is up to date\n');
  });
}

export async function revert(host: MigrationHost): Promise<void> {
  await withDatabase(host, async ({ writer }) => {
    // Makes the table of applied migrations where there is none yet.
    await writer.showMigrations();
    const [last] = await rows<{ name: string }>(writer.manager, 'SELECT name FROM migrations ORDER BY id DESC LIMIT 1');
    await writer.undoLastMigration();
    host.terminal.out(last === undefined ? 'nothing to revert\n' : `reverted ${last.name}\n`);
  });
}

async function withDatabase(host: MigrationHost, work: (sources: OpenDataSources) => Promise<void>): Promise<void> {
  const sources = await openDataSources(withoutTimeLimit(host.loadConfig().config), [], host.migrations);
  try {
    await work(sources);
  } finally {
    await closeDataSources(sources);
  }
}
