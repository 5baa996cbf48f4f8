/** What a caller asks for with `Prefer` (RFC 7240). Unknown preferences are ignored, as the RFC wants. */
export interface Preferences {
  /** Answer at once with what there is to poll. */
  readonly respondAsync: boolean;
  /** Answer after so many seconds at the latest. */
  readonly waitSeconds?: number;
}

const LONGEST_WAIT_SECONDS = 86_400;

/** @param header one or more `Prefer` headers; of a preference that is there twice, the first counts */
export function parsePrefer(header: string | readonly string[] | undefined): Preferences {
  const seen = new Map<string, string>();
  for (const part of [header ?? []].flat().join(',').split(',')) {
    const [token = ''] = part.split(';');
    const [name = '', value = ''] = token.split('=', 2).map((text) => text.trim());
    const key = name.toLowerCase();
    if (key !== '' && !seen.has(key)) seen.set(key, value.replace(/^"(.*)"$/, '$1'));
  }
  const wait = seen.get('wait');
  const waits = wait !== undefined && /^\d{1,9}$/.test(wait);
  return {
    respondAsync: seen.has('respond-async'),
    ...(waits ? { waitSeconds: Math.min(LONGEST_WAIT_SECONDS, Number(wait)) } : {}),
  };
}

/** The value of `Preference-Applied`, or undefined when nothing was preferred. */
export function appliedPreferences({ respondAsync, waitSeconds }: Preferences): string | undefined {
  const applied = [...(respondAsync ? ['respond-async'] : []), ...(waitSeconds === undefined ? [] : [`wait=${waitSeconds}`])];
  return applied.length === 0 ? undefined : applied.join(', ');
}
