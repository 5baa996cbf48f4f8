export type { CommandReference, GenerationCommand, Planned } from './admission.service.js';
export { AttemptEntity } from './attempt.entity.js';
export { GenerationEntity } from './generation.entity.js';
export type { GenerationRecord, GenerationSignal } from './generation-signals.js';
export * from './generation.types.js';
export * from './generations.module.js';
export { type Created, type CreateOptions, failureOf, GenerationsService } from './generations.service.js';
