export * from './answers/index.js';
export * from './context.js';
export * from './errors.js';
export * from './json.js';
export * from './manifest.js';
export * from './provider.js';
export * from './request.js';
export * from './result.js';
