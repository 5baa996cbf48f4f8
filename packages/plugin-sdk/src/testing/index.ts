export {
  type CheckOutcome,
  type ConformanceCheck,
  ConformanceFailure,
  type ConformanceReport,
  type ConformanceSetup,
  type ConformanceVendor,
  conformance,
  conformanceChecks,
  type RunningVendor,
  runConformance,
  type TestRunner,
} from './conformance/index.js';
export { egressAllows } from './egress.js';
export { PNG_1X1, pngOf, sniffContentType } from './media.js';
export type { TestInputOptions } from './requests.js';
export { testImageRequest, testInput, testVideoRequest } from './requests.js';
export type { RecordedLog, RecordedRequest, TestCall, TestCallOptions } from './test-call.js';
export { createTestCall, createTestSetup } from './test-call.js';
