export { createdHeaders, planHeaders } from './answer-headers.js';
export { Answers } from './answers.service.js';
export { BodyReader, type Intake } from './body-reader.service.js';
export { pick, SHARED_PARAMS, toCommand } from './command.js';
export { toCostEstimate } from './cost-estimate.js';
export * from './dto/cost-estimate.dto.js';
export * from './dto/generation-answer.dto.js';
export * from './dto/generation-request.dto.js';
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
export { collectReferences, type ImageInput, type IntakeFile } from './references.policy.js';
export { References } from './references.service.js';
export { cacheDirectivesOf, connectionOf, idempotencyOf, isDryRun, quoteIdOf, strictByHeader } from './request-facts.js';
export { SharedApiModule } from './shared-api.module.js';
export { discardAll, releasing } from './uploads.js';
export { NO_USAGE, toUsage } from './usage.js';
