import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { ConfigError } from '../config/index.js';
import { inRange, parseAddress, plainAddress } from './address.policy.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

interface HostEntry {
  readonly host: string;
  /** Undefined: every port of `allowed_ports`. */
  readonly port?: number;
}

const withoutBrackets = (host: string): string => (host.startsWith('[') ? host.slice(1, -1) : host);

/** What the operator opened beside the public internet: `egress.allow` and `egress.allowed_ports`. */
export class AllowList {
  private readonly hosts: HostEntry[] = [];
  private readonly ranges: [Address, number][] = [];
  private readonly ports: ReadonlySet<number>;

  /** @throws ConfigError naming the entry that is neither a host, host:port nor a CIDR range. */
  constructor(entries: readonly string[], allowedPorts: readonly number[]) {
    this.ports = new Set(allowedPorts);
    for (const entry of entries) this.add(entry.trim());
  }

  allowsPort(host: string, port: number): boolean {
    return this.ports.has(port) || this.hosts.some((entry) => entry.host === withoutBrackets(host) && entry.port === port);
  }

  /** The operator named this host, so its addresses may be private. */
  allowsHost(host: string, port: number): boolean {
    return this.hosts.some((entry) => entry.host === withoutBrackets(host) && (entry.port === undefined || entry.port === port));
  }

  allowsAddress(address: Address): boolean {
    const plain = plainAddress(address);
    return this.ranges.some((range) => inRange(plain, range));
  }

  private add(entry: string): void {
    if (entry.includes('/')) {
      const [text = '', prefix = ''] = entry.split('/');
      if (isIP(text) === 0 || !/^\d{1,3}$/.test(prefix) || !ipaddr.isValidCIDR(entry)) throw this.invalid(entry);
      this.ranges.push(ipaddr.parseCIDR(entry));
      return;
    }
    const literal = parseAddress(withoutBrackets(entry));
    if (literal !== undefined) {
      this.ranges.push([literal, literal.kind() === 'ipv4' ? 32 : 128]);
      this.hosts.push({ host: literal instanceof ipaddr.IPv6 ? literal.toRFC5952String() : literal.toString() });
      return;
    }
    // `new URL` brings the name into the spelling that request URLs are normalised to.
    const text = `http://${entry}`;
    if (!/^[^/?#@\s]+$/.test(entry) || !URL.canParse(text)) throw this.invalid(entry);
    const url = new URL(text);
    const named = /:(\d+)$/.exec(entry)?.[1];
    this.hosts.push({ host: withoutBrackets(url.hostname.replace(/\.$/, '')), ...(named === undefined ? {} : { port: Number(named) }) });
  }

  private invalid(entry: string): ConfigError {
    return new ConfigError([`egress.allow: "${entry}" is neither a host, host:port nor a CIDR range such as 10.0.0.0/8`]);
  }
}
