/** What a log shows of anything thrown. Never throws itself. */
export function stackOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } catch {
    return 'something that cannot be shown';
  }
}
