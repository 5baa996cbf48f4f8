import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where a command writes, and how it ends. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /** The process's exit code; the last one set counts. */
  exitCode(code: number): void;
}

export interface GeneratedOptions {
  /** Compare with the committed file instead of writing. */
  readonly check?: boolean;
  /** Write to this file instead of stdout. */
  readonly out?: string;
}

/** A generated file: printed, written, or compared with the one that is committed. */
export function settleGenerated(terminal: Terminal, text: string, committedPath: string, { check, out }: GeneratedOptions): void {
  const path = out ?? committedPath;
  if (check === true) {
    const committed = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    if (committed === text) return;
    terminal.error(`${path}: ${committed === undefined ? 'missing' : 'stale'}; npm run generate\n`);
    terminal.exitCode(1);
    return;
  }
  if (out === undefined) {
    terminal.out(text);
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** As generated files hold it. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
