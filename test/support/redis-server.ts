import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { freePort } from './free-port.js';

/** Whether tests can have a Redis here; `.ci/run` installs it. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** A throw-away Redis on a port of its own, which keeps nothing when it ends. */
export class RedisServer {
  private child: ChildProcess | undefined;
  private folder = '';

  protected constructor(
    private readonly port: number,
    private readonly settings: readonly string[],
  ) {}

  /** @param settings as on the command line, such as `--cluster-enabled`, `yes` */
  static async start(settings: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), settings);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Anew on the same port. */
  async start(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), 'litegen-redis-'));
    const options = [
      '--dir',
      this.folder,
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      ...this.settings,
    ];
    this.child = spawn('redis-server', options, { stdio: 'ignore' });
    while (!(await answers(this.url))) await delay(25);
  }

  /** What `redis-cli` would send. */
  async command(...words: readonly string[]): Promise<unknown> {
    const client = createClient({ url: this.url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(words);
    } finally {
      client.destroy();
    }
  }

  /** Makes it a replica of another, as a failover does with the old primary; its connections stay. Resolves when it has the other's data. */
  async follow(primary: RedisServer): Promise<void> {
    await this.command('REPLICAOF', '127.0.0.1', String(primary.port));
    while (!String(await this.command('INFO', 'replication')).includes('master_link_status:up')) await delay(25);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** It keeps its connections and says nothing any more. */
  hang(): void {
    this.child?.kill('SIGSTOP');
  }

  goOn(): void {
    this.child?.kill('SIGCONT');
  }
}

async function answers(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    if (client.isOpen) client.destroy();
  }
}
