import * as nodeModule from 'node:module';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const SDK = '@litegen/plugin-sdk';

interface Resolved {
  url: string;
  shortCircuit?: boolean;
}
type NextResolve = (specifier: string, context: object) => Resolved;

/** Node 22.15 and later; older lines have `register`, whose hooks live in a thread of their own. */
interface SynchronousHooks {
  registerHooks?(hooks: { resolve(specifier: string, context: object, next: NextResolve): Resolved }): unknown;
}

/** The same hook as a module of its own. It gets the URL of the gateway's copy when it is registered. */
const HOOK_SOURCE = `
let sdkUrl;
export function initialize(data) { sdkUrl = data; }
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (specifier !== ${JSON.stringify(SDK)} || error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return { url: sdkUrl, shortCircuit: true };
  }
}`;

let registered = false;

function register(): void {
  if (registered) return;
  registered = true;
  const sdkUrl = pathToFileURL(createRequire(import.meta.url).resolve(SDK)).href;
  const { registerHooks } = nodeModule as SynchronousHooks;
  if (registerHooks === undefined) {
    nodeModule.register(`data:text/javascript,${encodeURIComponent(HOOK_SOURCE)}`, { data: sdkUrl });
    return;
  }
  registerHooks({
    resolve: (specifier, context, next) => {
      try {
        return next(specifier, context);
      } catch (error) {
        if (specifier !== SDK || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
        return { url: sdkUrl, shortCircuit: true };
      }
    },
  });
}

/**
 * Lets a plugin outside of the gateway's tree, such as a mounted folder without node_modules, import the contract: it gets
 * the gateway's copy. A plugin that finds a copy of its own keeps it, and nothing is hooked as long as all of them do.
 */
export function provideSdk(entryPath: string): void {
  try {
    createRequire(entryPath).resolve(SDK);
  } catch {
    register();
  }
}
