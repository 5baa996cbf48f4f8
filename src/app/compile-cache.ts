import * as module from 'node:module';
import { fileURLToPath } from 'node:url';

/** In the folder of the build, which removes it: whoever can write there can change the code itself. */
const FOLDER = fileURLToPath(new URL('../../.compile-cache', import.meta.url));

/**
 * Has V8 keep what it compiles of the modules that are loaded from now on, written when the process ends, so that later starts take less
 * time. Where the folder cannot be written, or on Node 20, every start compiles. What was read stays in memory, 6 MB.
 */
export function useCompileCache(): void {
  (module as { readonly enableCompileCache?: (folder: string) => unknown }).enableCompileCache?.(FOLDER);
}
