export { examine } from './examine.js';
export type { DoctorHost, Finding } from './finding.js';
