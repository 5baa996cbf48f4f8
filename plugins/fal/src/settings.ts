import { type JsonObject, ProviderError } from '@litegen/plugin-sdk';

/** The operator's `providers.fal.options`. */
export interface FalSettings {
  /** Serves the keys that callbacks are signed with. */
  readonly restUrl: string;
  /** The Platform API, asked to prove the key. */
  readonly apiUrl: string;
  /** Sent with every submission. */
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws ProviderError `internal` for a value that cannot be used. */
export function readSettings(options: JsonObject): FalSettings {
  const headers: Record<string, string> = {};
  const priority = options.queue_priority;
  if (priority !== undefined) {
    if (priority !== 'low' && priority !== 'normal') throw unusable('queue_priority', 'must be "low" or "normal"');
    headers['x-fal-queue-priority'] = priority;
  }
  const seconds = options.output_expiration_seconds;
  if (seconds !== undefined) {
    if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1)
      throw unusable('output_expiration_seconds', 'must be a whole number of seconds');
    headers['x-fal-object-lifecycle-preference'] = JSON.stringify({ expiration_duration_seconds: seconds });
  }
  return {
    restUrl: url(options, 'rest_url', 'https://rest.fal.ai'),
    apiUrl: url(options, 'api_url', 'https://api.fal.ai'),
    headers,
  };
}

function url(options: JsonObject, name: string, fallback: string): string {
  const value = options[name] ?? fallback;
  if (typeof value !== 'string' || !URL.canParse(value)) throw unusable(name, 'must be a URL');
  return value.replace(/\/+$/, '');
}

function unusable(name: string, why: string): ProviderError {
  return new ProviderError('internal', `providers.fal.options.${name} ${why}`);
}
