export { PluginCalls, type PluginTask } from './plugin-calls.js';
export { PluginFaults, type StrayError } from './plugin-faults.js';
export { insidePlugin } from './plugin-scope.js';
