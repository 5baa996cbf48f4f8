export { examine } from './examine.js';
export type { DoctorHost, ExamineOptions, Finding } from './finding.js';
