import { type CallContext, ProviderError } from '@litegen/plugin-sdk';
import type { CompatibleOptions } from './options.js';

export interface Connection {
  /** Up to and including the version, such as `http://gpu-1:8091/v1`. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws ProviderError `unsupported` when the operator has set no base URL. */
export function connect(call: CallContext, options: CompatibleOptions): Connection {
  if (call.apiBase === undefined) {
    throw new ProviderError('unsupported', 'This provider needs a base URL: set its api_base.');
  }
  const authorization: Record<string, string> = {};
  const key = call.hasSecret('apiKey') ? call.secret('apiKey') : '';
  if (key !== '') authorization.authorization = `Bearer ${key}`;
  return { baseUrl: normaliseBaseUrl(call.apiBase), headers: { ...authorization, ...options.headers } };
}

/** Accepts the server's address, the address with its version (`/v1`), and the whole URL of a route. */
export function normaliseBaseUrl(url: string): string {
  const trimmed = url.replace(/\/+$/, '').replace(/\/(images\/(generations|edits)|videos)$/, '');
  return /\/v\d+[a-z0-9]*$/.test(trimmed) ? trimmed : `${trimmed}/v1`;
}
