export { CallbacksService } from './execute/callbacks.service.js';
export * from './generations.module.js';
export { type CacheFacts, type CallerConnection, type Created, type CreateOptions, GenerationsService } from './generations.service.js';
export { AttemptEntity } from './model/attempt.entity.js';
export type { Candidate, Candidates } from './model/candidate.js';
export type { GenerationRecord } from './model/end.js';
export { failureOf } from './model/failure-of.js';
export { GenerationEntity } from './model/generation.entity.js';
export { PUBLIC_STATUSES, type PublicStatus, publicStatus } from './model/generation.status.js';
export * from './model/generation.types.js';
export type { CommandReference, GenerationCommand, Idempotency, QuotableCommand } from './model/generation-command.js';
export { GENERATION_EVENT_TYPES, type GenerationEventType, type RequestWebhook } from './model/generation-event.types.js';
export { type GenerationEnd, GenerationEvents } from './model/generation-events.port.js';
export { checkIdempotencyKey, IDEMPOTENCY_KEY } from './model/idempotency.policy.js';
export {
  beginningOf,
  ENDED,
  eventsSince,
  type GenerationLook,
  type Position,
  type ProgressEvent,
  positionOf,
} from './model/progress.policy.js';
export { ACTIVE_STATUSES } from './model/transitions.js';
export { GenerationFeed } from './read/generation-feed.service.js';
export * from './read/generation-stats.queries.js';
export * from './read/generations.queries.js';
export { Generation, GenerationDetail, GenerationListResponse } from './read/public-generation.dto.js';
export {
  GENERATION_HEADERS,
  generationHeaders,
  type Linker,
  linkerFor,
  publicCostSource,
  toGeneration,
  toGenerationDetail,
  vendorJobOf,
} from './read/public-generation.js';
export type { GenerationSignal } from './read/waiters.service.js';
export { BillingAdjustments, type Refunded } from './settle/billing-adjustments.service.js';
export { IS_ACTIVE } from './store/status-conditions.js';
