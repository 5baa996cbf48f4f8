import { type CallContext, type JsonObject, ProviderError, responseError } from '@litegen/plugin-sdk';
import { OPENAI_ERRORS } from './errors.js';

const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

/** `providers.openai.options`. */
export interface OpenAiOptions {
  /** Sent as `OpenAI-Organization`. */
  readonly organization?: string;
  /** Sent as `OpenAI-Project`. */
  readonly project?: string;
}

/** @throws ProviderError `invalid_request` when an option has the wrong type or is not known. */
export function readOptions(options: JsonObject): OpenAiOptions {
  for (const [name, value] of Object.entries(options)) {
    if (name !== 'organization' && name !== 'project') {
      throw new ProviderError('invalid_request', `openai has no option "${name}"; it has organization and project`);
    }
    if (typeof value !== 'string') throw new ProviderError('invalid_request', `option "${name}" of openai must be a string`);
  }
  return options;
}

/** The base URL up to and including `/v1`, as the official SDKs take it from `OPENAI_BASE_URL`. */
export function baseUrl(call: CallContext): string {
  // Older LiteGen configurations name the whole generations URL.
  return (call.apiBase ?? DEFAULT_BASE_URL).replace(/\/+$/, '').replace(/\/images\/generations$/, '');
}

export function vendorHeaders(call: CallContext): Record<string, string> {
  const { organization, project } = readOptions(call.options);
  return {
    authorization: `Bearer ${call.secret('apiKey')}`,
    ...(organization === undefined ? {} : { 'openai-organization': organization }),
    ...(project === undefined ? {} : { 'openai-project': project }),
  };
}

/** Lists the models, which is free and needs a valid key. @throws ProviderError */
export async function checkCredential(call: CallContext): Promise<void> {
  const response = await call.fetch(`${baseUrl(call)}/models`, { headers: vendorHeaders(call) });
  if (!response.ok) throw await responseError(response, call, OPENAI_ERRORS);
  await response.text();
}
