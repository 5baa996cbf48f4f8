import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/src/app/main.js', import.meta.url));
const START_TIMEOUT_MS = 60_000;

export interface GatewayOptions {
  /** Variables on top of a clean environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Text of `litegen.yaml`. */
  readonly yaml?: string;
  /** Default: a fresh SQLite file. */
  readonly databaseUrl?: string;
  /** Where files are kept; shared by the replicas of a test. Default: the process's own folder. */
  readonly blobsDirectory?: string;
}

export interface Gateway {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly pid: number;
  /** The working directory, which is removed by `stop`. */
  readonly directory: string;
  /** All that it wrote to both streams so far. */
  logs(): string;
  /** SIGTERM, then waits for the end. Answers the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

/** Starts the built gateway as a process of its own, as an operator would, and waits until it serves. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const directory = mkdtempSync(join(tmpdir(), 'litegen-gateway-'));
  if (options.yaml !== undefined) writeFileSync(join(directory, 'litegen.yaml'), options.yaml);
  const child = spawn(process.execPath, [MAIN], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      LITEGEN__SERVER__PORT: '0',
      // Nothing balances here.
      LITEGEN__SERVER__DRAIN_DELAY_SECONDS: '0',
      LITEGEN__DATABASE_URL: options.databaseUrl ?? `sqlite://${join(directory, 'litegen.db')}`,
      LITEGEN__STORAGE__PATH: options.blobsDirectory ?? join(directory, 'blobs'),
      ...options.env,
    },
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const url = await ready(child, () => output);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const code = await ended;
    rmSync(directory, { recursive: true, force: true });
    return code;
  };
  return {
    url,
    pid: child.pid ?? 0,
    directory,
    logs: () => output,
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    signal: (signal) => void child.kill(signal),
  };
}

function ready(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`The gateway did not start in ${START_TIMEOUT_MS} ms`);
    }, START_TIMEOUT_MS);
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(`${reason}:\n${output()}`));
    };
    const onExit = (code: number | null): void => fail(`The gateway ended with code ${code} before it served`);
    child.once('exit', onExit);
    child.stdout?.on('data', () => {
      const url = /LiteGen is ready at ([^\s"]+)/.exec(output())?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve(url);
    });
  });
}
