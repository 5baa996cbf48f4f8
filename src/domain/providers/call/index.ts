export { type CallAccount, type CallInit, type CallServices, createCallContext, type HostCall } from './call-context.js';
export { type DownloadOptions, downloadMedia, RETRY_DELAYS_MS } from './download-media.js';
export { createInputMedia, type InputMediaSource } from './input-media.js';
export { OutputFailure, type OutputRetry } from './output-check.js';
