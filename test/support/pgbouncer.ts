import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** Whether tests can have a PgBouncer here; `.ci/run` installs it. */
export const hasPgBouncer = spawnSync('pgbouncer', ['--version']).status === 0;

const NOBODY = 65_534;

/** A PgBouncer in transaction mode before a Postgres: each transaction of a client may run in another session of the server. */
export class PgBouncer {
  private child: ChildProcess | undefined;
  private readonly folder = mkdtempSync(join(tmpdir(), 'litegen-pgbouncer-'));

  private constructor(
    private readonly server: URL,
    private readonly port: number,
    private readonly settings: Readonly<Record<string, string | number>>,
  ) {}

  /** Chooses the port; nothing runs yet. `settings` are PgBouncer's own, such as `default_pool_size`. */
  static async prepare(serverUrl: string, settings: Readonly<Record<string, string | number>> = {}): Promise<PgBouncer> {
    return new PgBouncer(new URL(serverUrl), await freePort(), settings);
  }

  /** The URL of a database of the server by way of PgBouncer. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  async start(): Promise<void> {
    const { hostname, port, username, password } = this.server;
    const login = `user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}`;
    const lines = [
      '[databases]',
      `* = host=${hostname} port=${port === '' ? 5432 : port} ${login}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${this.port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      'max_client_conn = 1000',
      'default_pool_size = 20',
      ...Object.entries(this.settings).map(([name, value]) => `${name} = ${value}`),
    ];
    const file = join(this.folder, 'pgbouncer.ini');
    await writeFile(file, `${lines.join('\n')}\n`);
    // It refuses to run as root.
    await chmod(this.folder, 0o755);
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const log: string[] = [];
    this.child = spawn('pgbouncer', [file], { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/', ...user });
    this.child.stderr?.on('data', (chunk: Buffer) => log.push(String(chunk)));
    while (!(await listens(this.port))) {
      if (this.child.exitCode !== null) throw new Error(`PgBouncer did not start.\n${log.join('')}`);
      await delay(25);
    }
  }

  /** SIGSTOP and SIGCONT: it is there and does not answer. */
  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Breaks every connection; {@link start} begins anew on the same port. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
