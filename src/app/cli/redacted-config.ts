import { type Config, SECRET_SETTINGS, withoutCredentials } from '../../platform/config/index.js';

const SET = '[set]';

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
  if (SECRET_SETTINGS.has(key)) return value === '' ? '' : SET;
  return withoutCredentials(value);
}
