export { egressAllows } from './egress.js';
export { PNG_1X1, pngOf, sniffContentType } from './media.js';
export { testImageRequest, testInput, testVideoRequest } from './requests.js';
export type { TestInputOptions } from './requests.js';
export { createTestCall, createTestSetup } from './test-call.js';
export type { RecordedLog, RecordedRequest, TestCall, TestCallOptions } from './test-call.js';
