import { createRequire } from 'node:module';
import type * as library from 'undici';

const require = createRequire(import.meta.url);

/** One file of the library. All of it loads what it has for browsers, which loads Node's own copy of that: 4 MB. */
function part<Name extends keyof typeof library>(file: string): (typeof library)[Name] {
  return require(`undici/lib/${file}.js`) as (typeof library)[Name];
}

export const buildConnector = part<'buildConnector'>('core/connect');
export const Pool = part<'Pool'>('dispatcher/pool');

/** Only an environment with proxies needs it, and it needs what the library adds to its own classes when all of it is loaded. */
export function envHttpProxyAgent(options: library.EnvHttpProxyAgent.Options): library.EnvHttpProxyAgent {
  return new (require('undici') as typeof library).EnvHttpProxyAgent(options);
}
