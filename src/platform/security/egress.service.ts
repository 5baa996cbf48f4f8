import type { Readable } from 'node:stream';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import { CONFIG, type Config, proxiesOf } from '../config/index.js';
import { AllowList } from './allow-list.js';
import { decoded } from './body.js';
import { blocked, EgressError } from './egress.errors.js';
import { checkUrl, type Destination, type EgressPolicy } from './egress.policy.js';
import { Exchange, type GatheredBody, type ResponseHead } from './exchange.js';
import { Pools } from './pools.js';
import { nextHop } from './redirects.js';
import { Resolver } from './resolver.port.js';

export interface EgressRequest {
  readonly policy: EgressPolicy;
  /** Default `GET`. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream's length must be named by `content-length`, else it is sent in chunks. */
  readonly body?: Buffer | string | Readable | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
  /** Name resolution, TCP and TLS together. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** From the request being sent to the response's headers. Default 120,000. */
  readonly headersTimeoutMs?: number;
  /** The longest silence within the response's body. Default 60,000. */
  readonly bodyTimeoutMs?: number;
  /** From the call to the end of the body. Default: none. */
  readonly totalTimeoutMs?: number;
  /** How many redirects to follow, at most 3, each checked like the first URL; GET and HEAD only. Default 0. */
  readonly followRedirects?: number;
}

export interface EgressResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Must be read or destroyed. Errors of reading are {@link EgressError}. Decompressed, if the server compressed it. */
  readonly body: Readable;
  /** The same body in one piece, to be read instead: of an answer of up to 64 KB that says its length and is not compressed. */
  readonly gathered?: GatheredBody | undefined;
  /** The URL that answered. */
  readonly url: string;
}

const MAX_REDIRECTS = 3;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_HEADERS_TIMEOUT_MS = 120_000;
const DEFAULT_BODY_TIMEOUT_MS = 60_000;

/** Of each vendor's URLs, so many that were found allowed are remembered, if they are not longer. */
const REMEMBERED_URLS = 256;
const LONGEST_REMEMBERED_URL = 512;

/** An answer as it came. Its body becomes a stream only for who asks for one. */
class PlainResponse implements EgressResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    private readonly head: ResponseHead,
    private readonly from: URL,
  ) {
    this.status = head.status;
    this.headers = head.headers;
  }

  get body(): Readable {
    return this.head.body;
  }

  get gathered(): GatheredBody | undefined {
    return this.head.gathered;
  }

  get url(): string {
    return this.from.href;
  }
}

/** The only way out of the gateway. */
@Injectable()
export class EgressService implements OnApplicationShutdown {
  private readonly allow: AllowList;
  private readonly pools: Pools;
  private closed = false;
  /** What {@link checkUrl} says of a vendor's URL depends on the policy and the configuration alone; names are resolved for every connection. */
  private readonly known = new WeakMap<EgressPolicy, Map<string, Destination>>();

  constructor(@Inject(CONFIG) config: Pick<Config, 'egress'>, resolver: Resolver) {
    this.allow = new AllowList(config.egress.allow, config.egress.allowed_ports);
    this.pools = new Pools(resolver, this.allow, proxiesOf());
  }

  /**
   * Judges a URL without opening a connection, for early answers. A name's addresses are judged only when it is called.
   * @throws EgressError `blocked`
   */
  check(url: string, policy: EgressPolicy): void {
    checkUrl(url, policy, this.allow);
  }

  /** @throws EgressError whose `sent` says whether the other side may have seen the request. */
  async request(target: string | URL, request: EgressRequest): Promise<EgressResponse> {
    const method = request.method ?? 'GET';
    const redirects = Math.min(request.followRedirects ?? 0, MAX_REDIRECTS);
    if (redirects > 0 && method !== 'GET' && method !== 'HEAD') throw new TypeError('only GET and HEAD follow redirects');
    const startedAtMs = performance.now();
    let headers = request.headers ?? {};
    let next: string | URL = target;
    for (let followed = 0; ; followed += 1) {
      const destination = this.destinationOf(next, request.policy);
      const hop = { url: destination.url, headers };
      const leftMs = request.totalTimeoutMs === undefined ? undefined : request.totalTimeoutMs - (performance.now() - startedAtMs);
      const head = await this.exchange(destination, method, hop.headers, request, leftMs);
      const following = redirects === 0 ? undefined : this.follow(hop, head, followed < redirects);
      if (following === undefined) return this.respond(head, hop.url);
      headers = following.headers;
      next = following.url;
    }
  }

  /** @throws EgressError `blocked` */
  private destinationOf(target: string | URL, policy: EgressPolicy): Destination {
    if (typeof target !== 'string' || policy.kind !== 'vendor' || target.length > LONGEST_REMEMBERED_URL) {
      return checkUrl(target, policy, this.allow);
    }
    let known = this.known.get(policy);
    if (known === undefined) {
      known = new Map();
      this.known.set(policy, known);
    }
    const found = known.get(target);
    if (found !== undefined) return found;
    const destination = checkUrl(target, policy, this.allow);
    if (known.size >= REMEMBERED_URLS) known.clear();
    known.set(target, destination);
    return destination;
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    await this.pools.close();
  }

  private follow(
    hop: { readonly url: URL; readonly headers: Readonly<Record<string, string>> },
    head: ResponseHead,
    another: boolean,
  ): typeof hop | undefined {
    try {
      const following = nextHop(hop.url, head.status, head.headers['location'], hop.headers);
      if (following === undefined) return undefined;
      head.body.destroy();
      if (!another) throw blocked(`${hop.url.host} redirects too often`);
      return following;
    } catch (error) {
      head.body.destroy();
      throw error;
    }
  }

  private exchange(
    destination: Destination,
    method: Dispatcher.HttpMethod,
    headers: Readonly<Record<string, string>>,
    request: EgressRequest,
    totalTimeoutMs: number | undefined,
  ): Promise<ResponseHead> {
    const { url } = destination;
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new EgressError('connect', 'the gateway is shutting down', false));
      const exchange = new Exchange(url.host, request.signal, totalTimeoutMs, resolve, reject);
      if (exchange.ended) return;
      const body = request.body as Dispatcher.DispatchOptions['body'];
      const isVendor = request.policy.kind === 'vendor';
      this.pools.for(destination, request.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS, isVendor).dispatch(
        {
          origin: destination.origin,
          path: destination.path,
          method,
          headers: { 'accept-encoding': 'identity', ...headers },
          body: body ?? null,
          headersTimeout: request.headersTimeoutMs ?? DEFAULT_HEADERS_TIMEOUT_MS,
          bodyTimeout: request.bodyTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS,
        },
        exchange,
      );
    });
  }

  private respond(head: ResponseHead, url: URL): EgressResponse {
    const encoding = head.headers['content-encoding'];
    if (encoding === undefined) return new PlainResponse(head, url);
    const body = decoded(head.body, encoding);
    if (body === head.body) return new PlainResponse(head, url);
    const { 'content-encoding': _encoding, 'content-length': _length, ...headers } = head.headers;
    return { status: head.status, headers, body, url: url.href };
  }
}
