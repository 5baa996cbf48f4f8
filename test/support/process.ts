import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../../dist/src/app/', import.meta.url));
const LONGEST_MS = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly directory: string;
  /** All of its environment, beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** Ends it as Ctrl-C does as soon as it wrote this. */
  readonly until?: RegExp;
}

/** Runs a file of the build, such as `main.js`, to its end. */
export function runBuilt(file: 'main.js' | 'cli.js', args: readonly string[], options: ProcessOptions): Promise<Ended> {
  const { directory, env = {}, uid, until } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [DIST + file, ...args], {
      cwd: directory,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const written = { stdout: '', stderr: '' };
    const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].on('data', (chunk: Buffer) => {
        written[stream] += chunk.toString();
        if (until?.test(written.stdout) === true) child.kill('SIGINT');
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...written });
    });
  });
}
