import { afterAll } from 'vitest';
import { RedisServer as Server } from './redis-server.js';

export { hasRedis } from './redis-server.js';

export class RedisServer extends Server {
  /** Started, and stopped after the file or `describe` in which it is called. */
  static override async start(settings: readonly string[] = []): Promise<Server> {
    const server = await Server.start(settings);
    servers.add(server);
    return server;
  }
}

const servers = new Set<Server>();
// Registered while the file loads: a hook that is registered while another hook runs is never called.
afterAll(async () => {
  for (const server of servers) await server.kill();
});
