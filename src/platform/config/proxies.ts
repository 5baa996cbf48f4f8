/** Where requests go that may not leave directly, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say, in either case; lower case counts first. */
export interface Proxies {
  readonly httpProxy: string;
  /** For https; empty: the one for http. */
  readonly httpsProxy: string;
  /** Hosts that are reached directly: names with their subdomains, addresses, `host:port`, or `*`. */
  readonly noProxy: string;
}

const VARIABLES = { httpProxy: 'HTTP_PROXY', httpsProxy: 'HTTPS_PROXY', noProxy: 'NO_PROXY' } as const;

function read(name: string, environment: NodeJS.ProcessEnv): string {
  return (environment[name.toLowerCase()] ?? environment[name] ?? '').trim();
}

/** Undefined: the environment names none. */
export function proxiesOf(environment: NodeJS.ProcessEnv = process.env): Proxies | undefined {
  const [httpProxy, httpsProxy, noProxy] = Object.values(VARIABLES).map((name) => read(name, environment)) as [string, string, string];
  return httpProxy === '' && httpsProxy === '' ? undefined : { httpProxy, httpsProxy, noProxy };
}

/** What keeps the proxies from being used, one line each. Shows no password. */
export function proxyProblems(environment: NodeJS.ProcessEnv): string[] {
  return [VARIABLES.httpProxy, VARIABLES.httpsProxy].flatMap((name) => {
    const url = read(name, environment);
    const isUsable = url === '' || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol));
    return isUsable ? [] : [`${name} (environment): expected an http or https URL, such as http://proxy.example:3128`];
  });
}
