import { isDeepStrictEqual } from 'node:util';
import { PROVIDER_ERROR_CODES } from '../../errors.js';
import type { Json } from '../../json.js';

type Fields = Readonly<Record<string, unknown>>;

const CHARGED = ['no', 'yes', 'unknown'];

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function isAbsentOr(type: 'string' | 'number', value: unknown): boolean {
  return value === undefined || (type === 'number' ? Number.isFinite(value) : typeof value === type);
}

export function survivesJson(value: unknown): value is Json {
  const text = JSON.stringify(value);
  return text !== undefined && isDeepStrictEqual(JSON.parse(text), value);
}

function mediaProblem(value: unknown, where: string): string | undefined {
  const media = fields(value);
  switch (media.kind) {
    case 'litegen.stored-media':
      // Whether its bytes are media at all is the gateway's to judge, as it is for a URL.
      return typeof media.sha256 === 'string' ? undefined : `${where} is not what the gateway stored`;
    case 'url':
      if (typeof media.url !== 'string' || !URL.canParse(media.url)) return `${where}.url is not an absolute URL: ${String(media.url)}`;
      return /^https?:/.test(media.url) ? undefined : `${where}.url is not an http(s) URL`;
    case 'bytes':
      return media.data instanceof Uint8Array && media.data.length > 0 ? undefined : `${where}.data holds no bytes`;
    default:
      return `${where} is none of stored media, url and bytes`;
  }
}

function finishedProblem(value: Fields): string | undefined {
  if (!Array.isArray(value.outputs)) return 'it has no list of outputs';
  for (const [index, item] of value.outputs.entries()) {
    const output = fields(item);
    const problem = mediaProblem(output.media, `outputs[${index}].media`);
    if (problem !== undefined) return problem;
    if (!isAbsentOr('string', output.revisedPrompt)) return `outputs[${index}].revisedPrompt is not a string`;
    if (!isAbsentOr('number', output.seed)) return `outputs[${index}].seed is not a number`;
  }
  if (value.withheld !== undefined && !Array.isArray(value.withheld)) return 'withheld is not a list';
  for (const [index, item] of (value.withheld ?? []).entries()) {
    const problem = withheldProblem(item);
    if (problem !== undefined) return `withheld[${index}] ${problem}`;
  }
  for (const [name, count] of Object.entries(fields(value.usage))) {
    if (count !== undefined && !(typeof count === 'number' && Number.isFinite(count) && count >= 0)) return `usage.${name} is not a count`;
  }
  if (value.costUsd !== undefined && !/^\d+(\.\d+)?$/.test(String(value.costUsd))) return 'costUsd is not a decimal string';
  if (value.costUsd !== undefined && typeof value.costUsd !== 'string') return 'costUsd is not a decimal string';
  return isAbsentOr('string', value.vendorRequestId) ? undefined : 'vendorRequestId is not a string';
}

function withheldProblem(item: unknown): string | undefined {
  const { count, code, charged, message } = fields(item);
  if (!Number.isSafeInteger(count) || (count as number) < 1) return 'does not say how many';
  if (!PROVIDER_ERROR_CODES.some((known) => known === code)) return `has the unknown code ${JSON.stringify(code)}`;
  if (!CHARGED.includes(String(charged))) return 'does not say whether it was charged';
  return isAbsentOr('string', message) ? undefined : 'has a message that is no string';
}

/** How many outputs an answer of `start` or `status` brings. */
export function outputCount(value: unknown): number {
  const { outputs } = fields(value);
  return Array.isArray(outputs) ? outputs.length : 0;
}

/** What is wrong with an answer of `start`, or undefined. */
export function startProblem(value: unknown): string | undefined {
  const result = fields(value);
  if (result.state === 'done') return finishedProblem(result);
  if (result.state !== 'started') return `its state is ${JSON.stringify(result.state)}, neither "done" nor "started"`;
  if (!survivesJson(result.operation)) return 'its operation does not survive JSON';
  if (!isAbsentOr('string', result.vendorJobId)) return 'vendorJobId is not a string';
  if (!isAbsentOr('number', result.pollAfterMs)) return 'pollAfterMs is not a number';
  return isAbsentOr('string', result.vendorRequestId) ? undefined : 'vendorRequestId is not a string';
}

/** What is wrong with an answer of `status`, or undefined. */
export function statusProblem(value: unknown): string | undefined {
  const status = fields(value);
  switch (status.state) {
    case 'pending': {
      const { progress } = status;
      if (progress !== undefined && !(typeof progress === 'number' && progress >= 0 && progress <= 100))
        return 'progress is not within 0–100';
      if (!isAbsentOr('string', status.unrecognizedStatus)) return 'unrecognizedStatus is not a string';
      return isAbsentOr('number', status.pollAfterMs) ? undefined : 'pollAfterMs is not a number';
    }
    case 'succeeded':
      return finishedProblem(status);
    case 'failed': {
      const error = fields(status.error);
      if (!PROVIDER_ERROR_CODES.some((code) => code === error.code)) return `its error has the unknown code ${JSON.stringify(error.code)}`;
      if (!CHARGED.includes(String(error.charged))) return 'its error does not say whether it was charged';
      return typeof error.message === 'string' ? undefined : 'its error has no message';
    }
    case 'cancelled':
      return CHARGED.includes(String(status.charged)) ? undefined : 'it does not say whether it was charged';
    default:
      return `its state is ${JSON.stringify(status.state)}`;
  }
}
