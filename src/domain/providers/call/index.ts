export { type CallAccount, type CallInit, type CallServices, createCallContext, type HostCall } from './call-context.js';
export { createInputMedia, type InputMediaSource } from './input-media.js';
export { OutputFailure, type OutputRetry } from './output-failure.js';
