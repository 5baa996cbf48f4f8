export type { CommandReference, GenerationCommand, Planned, QuotableCommand } from './admission.service.js';
export { AttemptEntity } from './attempt.entity.js';
export { CallbacksService } from './callbacks.service.js';
export { Generation, GenerationDetail } from './dto/generation.dto.js';
export { GenerationEntity } from './generation.entity.js';
export { PUBLIC_STATUSES, type PublicStatus, publicStatus } from './generation.status.js';
export * from './generation.types.js';
export {
  GENERATION_EVENT_TYPES,
  type GenerationEnd,
  GenerationEvents,
  type GenerationEventType,
  type RequestWebhook,
} from './generation-events.port.js';
export { GenerationFeed } from './generation-feed.service.js';
export { GENERATION_HEADERS, generationHeaders, publicCostSource } from './generation-headers.js';
export { type Linker, linkerFor, toGeneration, toGenerationDetail } from './generation-response.js';
export type { GenerationRecord, GenerationSignal } from './generation-signals.js';
export * from './generation-stats.queries.js';
export * from './generations.module.js';
export * from './generations.queries.js';
export { type CacheFacts, type Created, type CreateOptions, failureOf, GenerationsService } from './generations.service.js';
export { checkIdempotencyKey, IDEMPOTENCY_KEY, type Idempotency } from './idempotency.policy.js';
export { beginningOf, ENDED, eventsSince, type GenerationLook, type Position, type ProgressEvent, positionOf } from './progress.policy.js';
