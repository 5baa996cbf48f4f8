/** One entry of a plugin's declared egress: an origin, or all subdomains of a domain. */
interface OriginEntry {
  readonly protocol: string;
  readonly host: string;
  readonly port: string;
  readonly subdomains: boolean;
}

const WILDCARD = /^(https?:)\/\/\*\.([^/:*]+)(?::(\d+))?\/?$/;

function parseEntry(entry: string): OriginEntry | undefined {
  const wildcard = WILDCARD.exec(entry);
  const text = wildcard === null ? entry : entry.replace('*.', '');
  if (text.includes('*') || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') return undefined;
  return { protocol: url.protocol, host: url.hostname, port: url.port, subdomains: wildcard !== null };
}

/** Whether a text is an origin such as `https://api.example.com` or `https://*.example.com`. */
export function isOriginEntry(entry: string): boolean {
  return parseEntry(entry) !== undefined;
}

/** The origins that a vendor's plugin may call. */
export class OriginList {
  private readonly entries: readonly OriginEntry[];

  /** @throws TypeError for an entry that is not an origin; manifests are checked before they come here. */
  constructor(readonly origins: readonly string[]) {
    this.entries = origins.map((origin) => {
      const entry = parseEntry(origin);
      if (entry === undefined) throw new TypeError(`"${origin}" is not an origin`);
      return entry;
    });
  }

  includes(url: URL): boolean {
    return this.entries.some(
      (entry) =>
        entry.protocol === url.protocol &&
        entry.port === url.port &&
        (entry.subdomains ? url.hostname.endsWith(`.${entry.host}`) : entry.host === url.hostname),
    );
  }
}
