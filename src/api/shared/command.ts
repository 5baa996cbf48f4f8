import type { JsonObject, Operation } from '@litegen/plugin-sdk';
import type { Principal } from '../../domain/access/index.js';
import {
  type CommandReference,
  type Dialect,
  GENERATION_EVENT_TYPES,
  type GenerationCommand,
  type Idempotency,
} from '../../engine/generations/index.js';
import { ApiError } from '../../platform/common/index.js';
import type { CacheDirectives } from '../../policy/cache/index.js';
import type { BaseGenerationRequest } from './dto/generation-request.dto.js';

/** Parameters of the capability YAML that requests for images and videos alike may name. */
export const SHARED_PARAMS = [
  'negative_prompt',
  'seed',
  'size',
  'aspect_ratio',
  'resolution',
  'quality',
  'style',
  'steps',
  'guidance_scale',
  'strength',
] as const satisfies readonly (keyof BaseGenerationRequest)[];

/** Fields that the gateway itself sees to. */
const GATEWAY_FIELDS = [
  'strict',
  'metadata',
  'user',
  'safety_identifier',
  'response_format',
  'stream',
  'webhook_url',
  'webhook_events',
] as const;

export interface CommandFacts {
  readonly principal: Principal;
  readonly requestId: string;
  readonly operation: Operation;
  readonly dialect: Dialect;
  readonly references: readonly CommandReference[];
  readonly unknown: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly fieldNames?: Readonly<Record<string, string>>;
  readonly remixOf?: string;
  /** For requests whose body does not say it. */
  readonly strictByHeader: boolean | undefined;
  readonly partialImages: number;
  readonly stream?: boolean;
  readonly delivery: string;
  readonly idempotency: Idempotency;
  readonly quoteId: string | undefined;
  readonly cache: CacheDirectives;
}

/** A checked request in the engine's terms. */
export function toCommand(fields: BaseGenerationRequest, facts: CommandFacts): GenerationCommand {
  const { strictByHeader, ...rest } = facts;
  const strict = fields.strict ?? strictByHeader;
  const user = fields.safety_identifier ?? fields.user;
  return {
    ...rest,
    model: fields.model,
    prompt: fields.prompt ?? '',
    ...(typeof fields.n === 'number' ? { n: fields.n } : {}),
    gateway: GATEWAY_FIELDS.filter((name) => (fields as unknown as Record<string, unknown>)[name] !== undefined),
    ...(strict === undefined ? {} : { strict }),
    ...(fields.extra ? { extra: fields.extra as JsonObject } : {}),
    ...(fields.metadata ? { metadata: fields.metadata as JsonObject } : {}),
    ...(user ? { user } : {}),
    ...webhookOf(fields),
  };
}

/** Progress is many events of little weight, so it has to be asked for. */
const DEFAULT_EVENTS = GENERATION_EVENT_TYPES.filter((type) => type !== 'generation.progress');

/** @throws ApiError `param_unsupported` for events without a URL */
function webhookOf({ webhook_url: url, webhook_events: events }: BaseGenerationRequest): Pick<GenerationCommand, 'webhook'> {
  if (url) return { webhook: { url, events: events ?? DEFAULT_EVENTS } };
  if (!events) return {};
  throw new ApiError('param_unsupported', 'webhook_events says what goes to webhook_url, which is not there.', { param: 'webhook_events' });
}

/** The named fields that were sent. */
export function pick(fields: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
}
