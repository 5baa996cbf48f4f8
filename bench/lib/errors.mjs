/** @throws when a run of the load generator had errors, so that no figure hides them. */
export function expectNoErrors(what, result) {
  if (result.errors > 0) throw new Error(`${what}: ${result.errors} requests failed, such as ${result.problems[0]}`);
  if (result.requests === 0) throw new Error(`${what}: no request was answered`);
  return result;
}
