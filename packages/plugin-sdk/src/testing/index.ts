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
export type {
  FaultScope,
  HttpSimulator,
  HttpSimulatorOptions,
  ReceivedRequest,
  SimulatorFault,
  SimulatorHandler,
  SimulatorReply,
} from './http-simulator.js';
export { jsonReply, startHttpSimulator } from './http-simulator.js';
export { sniffContentType } from './media.js';
export type { TestInputOptions } from './requests.js';
export { testImageRequest, testInput, testVideoRequest } from './requests.js';
export { makeMp4, makePng, PNG_1X1, type PngOptions, pngOf, TINY_GIF, TINY_JPEG, TINY_WEBP } from './sample-files.js';
export type { RecordedLog, RecordedRequest, TestCall, TestCallOptions } from './test-call.js';
export { createTestCall, createTestSetup } from './test-call.js';
