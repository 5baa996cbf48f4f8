/**
 * The first of the variables that is set and not empty.
 * Vendors' own variables, such as `FAL_KEY`, are named by plugin manifests, so they are looked up here on request.
 */
export function firstVariable(names: readonly string[], environment: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
