export { Answers, createdHeaders, FileText, NO_USAGE, planHeaders, toUsage } from './answers.service.js';
export { BodyReader, type Intake, SchemaValidator } from './body-reader.service.js';
export {
  cacheDirectivesOf,
  connectionOf,
  idempotencyOf,
  isDryRun,
  type Preferences,
  parsePrefer,
  pick,
  quoteIdOf,
  rewriteUrl,
  SHARED_PARAMS,
  strictByHeader,
  toCommand,
} from './command.js';
export { toCostEstimate } from './cost-estimate.js';
export * from './dto/cost-estimate.dto.js';
export * from './dto/generation-answer.dto.js';
export * from './dto/generation-request.dto.js';
export { EventAnswers, EventStream } from './event-answers.service.js';
export {
  ApiEstimateAnswers,
  ApiGenerationAnswers,
  ApiGenerationHeaders,
  eventSchema,
  FORM_FLAG,
  formBodies,
  POLL_AFTER,
  type RequestBody,
} from './openapi.js';
export { collectReferences, discardAll, type ImageInput, type IntakeFile, References, releasing } from './references.service.js';
export { SharedApiModule } from './shared-api.module.js';
