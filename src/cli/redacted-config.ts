import type { Config } from '../config/index.js';

const SET = '[set]';
const SECRET_KEYS = new Set(['master_key', 'secrets_key', 'api_key', 'key_id', 'key_secret', 'access_key_id', 'secret_access_key']);

/** The settings in force, in which it can be seen that a secret is set but not what it is. */
export function redactedConfig(config: Config): Record<string, unknown> {
  return redactTree(config) as Record<string, unknown>;
}

function redactTree(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => redactTree(item));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, child]) => child !== undefined);
    // Everything under these is the operator's own, and may be secret whatever its name is.
    if (key === 'secrets' || key === 'options') return Object.fromEntries(entries.map(([name]) => [name, SET]));
    return Object.fromEntries(entries.map(([name, child]) => [name, redactTree(child, name)]));
  }
  if (typeof value !== 'string') return value;
  if (SECRET_KEYS.has(key)) return value === '' ? '' : SET;
  return withoutCredentials(value);
}

/** Passwords stand in URLs as well: the database's, a proxy's, an endpoint's. */
function withoutCredentials(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)@/i, (_match, scheme: string, userinfo: string) => {
    const [user = ''] = userinfo.split(':');
    return `${scheme}${userinfo.includes(':') ? `${user}:${SET}` : user}@`;
  });
}
