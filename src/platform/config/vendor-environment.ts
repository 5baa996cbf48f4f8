/**
 * The first of the variables that is set and not empty, without the space around it: often it comes with the newline that ends its file.
 * Vendors' own variables, such as `FAL_KEY`, are named by plugin manifests, so they are looked up here on request.
 */
export function firstVariable(names: readonly string[], environment: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const name of names) {
    const value = environment[name]?.trim();
    if (value) return value;
  }
  return undefined;
}
