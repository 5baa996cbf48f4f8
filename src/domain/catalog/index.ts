export type { CatalogRejection, CatalogSources, PluginModelDirectory } from './catalog.loader.js';
export { CatalogModule, type CatalogModuleOptions } from './catalog.module.js';
export {
  CatalogService,
  isDeprecated,
  isSunset,
  lifecycleHeaders,
  type ResolvedModel,
  type ResolveOptions,
  switchedOff,
} from './catalog.service.js';
export { bareName, type Model } from './model.js';
export { type ModelInfo, type ModelInfoOptions, type ModelPricing, toModelInfo, toModelSchema } from './model-views.js';
export {
  checkPrompt,
  type Examination,
  type Plan,
  type PlanInput,
  type PlannedReference,
  type PlanOptions,
  type PlanParams,
  planRequest,
  type Receipt,
  validateAll,
} from './plan/index.js';
export { formatSize, parseRatio, parseSize } from './ratio.js';
export {
  MODALITIES,
  MODALITY_NAMES,
  type Modality,
  type ModelDefinition,
  modalityOf,
  modelYamlJsonSchema,
  OPERATION_ENDPOINTS,
  OPERATIONS,
  type OperationOf,
  PARAM_NAMES,
  type ParamName,
  type ParamSpec,
  type PollSchedule,
  type PriceComponent,
  type PriceCondition,
  type PriceEstimate,
  type PriceUnit,
  type Pricing,
} from './schema/index.js';
export { day, decimal, section } from './schema/section.js';
export { formatProblem, YamlSource } from './yaml-source.js';
