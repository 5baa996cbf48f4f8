import { configuredHost, isLoopbackHost } from './hosts.js';
import type { Config } from './schema.js';

/** Keys that people copy from examples and that protect nothing. */
const EXAMPLES = new Set(['changeme', 'change-me', 'secret', 'master', 'password', 'test', 'sk-1234', 'sk-master', 'your-master-key']);

export type Exposure =
  | { readonly kind: 'protected' }
  /** Anybody who reaches the port is an administrator; only this machine can. */
  | { readonly kind: 'local' }
  /** As `local`, but others can reach the port and the operator said that this is wanted. */
  | { readonly kind: 'open'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string };

/** Whether it stands in examples. An empty one is none at all. */
export function hasExampleMasterKey({ master_key: key = '' }: Pick<Config, 'master_key'>): boolean {
  return EXAMPLES.has(key.trim().toLowerCase());
}

export function hasRealMasterKey(config: Pick<Config, 'master_key'>): boolean {
  return (config.master_key ?? '').trim() !== '' && !hasExampleMasterKey(config);
}

/** The start-up self-check: no administrator by accident. */
export function assessExposure(config: Pick<Config, 'master_key' | 'allow_no_auth' | 'mode' | 'server'>): Exposure {
  if (hasRealMasterKey(config)) return { kind: 'protected' };
  if (config.mode === 'hosted') {
    return { kind: 'refused', message: 'mode is hosted, but master_key is not set. Set LITEGEN__MASTER_KEY to a long random value.' };
  }
  if (isLoopbackHost(configuredHost(config.server.host) ?? '')) return { kind: 'local' };
  const described = config.master_key === undefined ? 'there is no master_key' : 'master_key is a placeholder';
  const message =
    `server.host is ${config.server.host}, which others can reach, and ${described}: ` +
    'everybody who finds the port could spend your vendor credit and read every key. ' +
    'Set LITEGEN__MASTER_KEY to a long random value, or bind to 127.0.0.1';
  if (config.allow_no_auth) return { kind: 'open', message: `${message}. Started all the same, because LITEGEN__ALLOW_NO_AUTH is true.` };
  return { kind: 'refused', message: `${message}, or accept the risk with LITEGEN__ALLOW_NO_AUTH=true.` };
}
