// Changesets for all packages. Its own command knows npm's workspaces alone, and the gateway is not one of them: it is listed for as long as the command runs.
//   npm run changeset [-- status | version | …]
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.mjs';

const MANIFEST = join(ROOT, 'package.json');

/** Anew each time: the command writes versions. */
function editWorkspaces(edit) {
  const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  manifest.workspaces = edit(manifest.workspaces);
  writeFileSync(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
}

// Ctrl-C ends the command, and this only after it has cleaned up.
process.on('SIGINT', () => undefined);
editWorkspaces((workspaces) => ['.', ...workspaces]);
try {
  const changesets = join(ROOT, 'node_modules/@changesets/cli/bin.js');
  const { status } = spawnSync(process.execPath, [changesets, ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  editWorkspaces((workspaces) => workspaces.filter((workspace) => workspace !== '.'));
}
