export { type CliHost, createProgram } from './program.js';
