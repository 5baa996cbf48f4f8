import { type JsonObject, ProviderError } from '@litegen/plugin-sdk';
import { DIALECTS, type Dialect } from './dialect.js';

/** `providers.<instance>.options`. */
export interface CompatibleOptions {
  /** What the server is. Default `openai`. */
  readonly dialect: Dialect;
  /** Sent with every request, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The server's model name, for models whose YAML names none. */
  readonly model?: string;
}

/** @throws ProviderError `invalid_request` when an option has the wrong type or is not known. */
export function readOptions(options: JsonObject): CompatibleOptions {
  const { dialect = 'openai', headers = {}, model, ...others } = options;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw refused(`there is no option "${unknown}"; the options are dialect, headers and model`);
  if (!isDialect(dialect)) throw refused(`option "dialect" must be one of ${Object.keys(DIALECTS).join(', ')}`);
  if (model !== undefined && typeof model !== 'string') throw refused('option "model" must be a string');
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw refused('option "headers" must be an object');
  const lowerCase: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') throw refused(`header "${name}" must be a string`);
    lowerCase[name.toLowerCase()] = value;
  }
  return { dialect, headers: lowerCase, model };
}

function isDialect(value: unknown): value is Dialect {
  return typeof value === 'string' && Object.hasOwn(DIALECTS, value);
}

function refused(message: string): ProviderError {
  return new ProviderError('invalid_request', `openai-compatible: ${message}`);
}
