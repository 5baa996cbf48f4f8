import type { LookupAddress } from 'node:dns';
import { isIPv6, type LookupFunction } from 'node:net';
import type { buildConnector as connector, Dispatcher } from 'undici';
import type { Proxies } from '../config/index.js';
import type { AllowList } from './allow-list.js';
import { EgressError } from './egress.errors.js';
import { checkAddresses, type Destination } from './egress.policy.js';
import type { Resolver } from './resolver.port.js';
import { buildConnector, envHttpProxyAgent, Pool } from './undici.js';

/** Webhook receivers and reference hosts are many; what was used last is kept. */
const MAX_POOLS = 512;
/**
 * For so long an idle connection is used again, whatever the server offers: address translators and balancers forget connections without
 * telling anybody, and a request that is sent into one is lost after it may have been paid for.
 */
const MAX_IDLE_MS = 4_000;
/** So that those in between do not forget a connection on which a slow vendor is waited for. */
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * Keep-alive connections by origin. Each new connection resolves its host once, checks every answer, and connects to
 * those answers alone, so that a name cannot point elsewhere between check and use. A connection that is reused was
 * checked when it was made.
 */
export class Pools {
  private readonly pools = new Map<string, Dispatcher>();

  constructor(
    private readonly resolver: Resolver,
    private readonly allow: AllowList,
    private readonly proxies: Proxies | undefined,
  ) {}

  /** @param mayUseProxy whether the environment's proxies are meant for such requests */
  for(destination: Destination, connectTimeoutMs: number, mayUseProxy: boolean): Dispatcher {
    const proxies = mayUseProxy ? this.proxies : undefined;
    const key = `${destination.origin} ${destination.privateAllowed} ${connectTimeoutMs} ${proxies !== undefined}`;
    let pool = this.pools.get(key);
    if (pool !== undefined) {
      this.pools.delete(key);
    } else {
      pool = this.create(destination, connectTimeoutMs, proxies);
      this.evict();
    }
    this.pools.set(key, pool);
    return pool;
  }

  async close(): Promise<void> {
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  private create(destination: Destination, connectTimeoutMs: number, proxies: Proxies | undefined): Dispatcher {
    // `highWaterMark` goes through to the socket: what comes in while nobody reads stays with the kernel.
    const options: connector.BuildOptions & { highWaterMark: number } = {
      timeout: connectTimeoutMs,
      lookup: this.lookupFor(destination),
      highWaterMark: 1,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    };
    const connect = buildConnector(options);
    const idle = { keepAliveTimeout: MAX_IDLE_MS, keepAliveMaxTimeout: MAX_IDLE_MS };
    const shared = { connect, pipelining: 1, allowH2: false, ...idle };
    if (proxies === undefined) return new Pool(destination.origin, shared);
    // The proxy resolves the names of what goes through it; what goes past it is resolved and checked here as ever.
    const throughProxy = {
      connectTimeout: connectTimeoutMs,
      proxyTls: { timeout: connectTimeoutMs },
      requestTls: { timeout: connectTimeoutMs },
    };
    return envHttpProxyAgent({ ...shared, ...throughProxy, ...proxies });
  }

  private lookupFor(destination: Destination): LookupFunction {
    return (hostname, options, callback) => {
      this.resolveChecked(hostname, destination.privateAllowed).then(
        (addresses) => {
          const [first] = addresses;
          if (options.all === true || first === undefined) callback(null, addresses);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, []),
      );
    };
  }

  private async resolveChecked(hostname: string, privateAllowed: boolean): Promise<LookupAddress[]> {
    let addresses: readonly string[];
    try {
      addresses = await this.resolver.resolve(hostname);
    } catch (error) {
      throw new EgressError('dns', `${hostname} cannot be resolved`, false, error);
    }
    if (addresses.length === 0) throw new EgressError('dns', `${hostname} has no address`, false);
    checkAddresses(hostname, addresses, privateAllowed, this.allow);
    return addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  }

  private evict(): void {
    for (const [key, pool] of this.pools) {
      if (this.pools.size < MAX_POOLS) return;
      this.pools.delete(key);
      // Lets running requests finish.
      void pool.close();
    }
  }
}
