export type { CliHost } from './host.js';
export { createProgram } from './program.js';
