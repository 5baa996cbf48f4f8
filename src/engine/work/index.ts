export { type Drained, LeasedWork, type LeasedWorkOptions } from './leased-work.js';
