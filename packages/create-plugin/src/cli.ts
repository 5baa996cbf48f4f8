#!/usr/bin/env node
import { run } from './command.js';
import { ScaffoldError } from './scaffold.js';

try {
  process.stdout.write(await run(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof ScaffoldError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
