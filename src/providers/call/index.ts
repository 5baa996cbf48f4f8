export { type CallAccount, type CallInit, type CallServices, createCallContext, type HostCall } from './call-context.js';
export { type DownloadOptions, downloadMedia } from './download-media.js';
export { createInputMedia, type InputMediaSource } from './input-media.js';
