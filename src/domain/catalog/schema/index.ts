export * from './json-schema.js';
export * from './modalities.js';
export * from './model.schema.js';
export * from './params.schema.js';
export * from './pricing.schema.js';
export * from './vocabulary.js';
