declare module 'vitest' {
  interface TaskMeta {
    /** A row for the table of `docs/use/clients.md`, in Markdown. */
    readonly client?: { readonly client: string; readonly call: string };
  }
}

/** A test's options: it tries these calls of a client. What came of it stands in the table of `docs/use/clients.md`. */
export function row(client: string, call: string) {
  return { meta: { client: { client, call } } };
}

/**
 * {@link row} of a client that runs here.
 * @param npmPackage that the client is of
 * @param version that the package itself says it has
 */
export function client(name: string, npmPackage: string, version: string, call: string) {
  return row(`\`${name}\` of ${npmPackage} ${version}`, call);
}
