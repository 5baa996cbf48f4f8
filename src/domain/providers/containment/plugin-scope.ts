import { AsyncLocalStorage } from 'node:async_hooks';

/** Whose code runs: a plugin's id, or undefined for the gateway's own. */
const scope = new AsyncLocalStorage<string | undefined>();

/** Runs a plugin's code, so that whatever it leaves behind (a timer, a promise that nobody waits for) is known for its own. */
export function insidePlugin<T>(pluginId: string, run: () => T): T {
  return scope.run(pluginId, run);
}

/** Runs what the gateway does on behalf of a plugin. */
export function outsidePlugins<T>(run: () => T): T {
  return scope.run(undefined, run);
}

export function currentPlugin(): string | undefined {
  return scope.getStore();
}
