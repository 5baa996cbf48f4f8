import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { createClient } from '@redis/client';
import { afterAll } from 'vitest';
import { until } from './client.js';

/** Whether tests can have a Redis here; `.ci/run` installs it. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** A throw-away Redis on a port of its own, which keeps nothing when it ends. */
export class RedisServer {
  private child: ChildProcess | undefined;

  private constructor(private readonly port: number) {}

  /** Started, and stopped after the file or `describe` in which it is called. */
  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    servers.add(server);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Anew on the same port. */
  async start(): Promise<void> {
    const options = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.child = spawn('redis-server', options, { stdio: 'ignore' });
    await until(() => answers(this.url));
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** It keeps its connections and says nothing any more. */
  hang(): void {
    this.child?.kill('SIGSTOP');
  }

  goOn(): void {
    this.child?.kill('SIGCONT');
  }
}

const servers = new Set<RedisServer>();
// Registered while the file loads: a hook that is registered while another hook runs is never called.
afterAll(async () => {
  for (const server of servers) await server.kill();
});

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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
