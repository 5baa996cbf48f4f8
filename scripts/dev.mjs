// `npm run dev`: compiles on every save, and restarts the gateway when what it loaded has changed.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildIfStale, workspaces } from './build.mjs';
import { ROOT } from './files.mjs';
import { nodeFlags } from './node-flags.mjs';

buildIfStale();
// Then every start generates it from the classes, which may have changed, and the next build writes it again.
rmSync(join(ROOT, 'dist/src/app/http/api-documentation.json'), { force: true });
rmSync(join(ROOT, 'dist/.built'), { force: true });
const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
const children = [
  [tsc, '-b', '--watch', '--preserveWatchOutput', ...workspaces()],
  [tsc, '-p', 'tsconfig.json', '--watch', '--preserveWatchOutput'],
  [...nodeFlags(), '--watch', '--watch-preserve-output', 'dist/src/app/main.js'],
].map((args) => spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }));

const stop = (signal) => {
  for (const child of children) child.kill(signal);
};
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop(signal));
for (const child of children) child.on('exit', () => stop('SIGTERM'));
