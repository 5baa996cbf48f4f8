import type { Model } from './model.js';

type Dated = Pick<Model, 'id' | 'lifecycle'>;

/** A day of the catalogue begins at 00:00 UTC. Milliseconds since the epoch. */
function startOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** Whether the vendor has switched the model off. */
export function isSunset({ lifecycle }: Dated, now: Date): boolean {
  return lifecycle?.sunset !== undefined && now.getTime() >= startOf(lifecycle.sunset);
}

/** In words, to follow or precede others. */
export function switchedOff({ id, lifecycle }: Dated): string {
  return `${id} was switched off on ${lifecycle?.sunset}`;
}

export function isDeprecated({ lifecycle }: Dated, now: Date): boolean {
  return lifecycle?.deprecated !== undefined && now.getTime() >= startOf(lifecycle.deprecated);
}

/** Where the gateway describes a model. */
export function modelPath(id: string): string {
  return `/v1/models/${id.split('/').map(encodeURIComponent).join('/')}`;
}

/** Unix seconds of the release, 0 when it is not known: OpenAI's `created`. */
export function releasedAt({ lifecycle }: Dated): number {
  return lifecycle?.released === undefined ? 0 : startOf(lifecycle.released) / 1000;
}

/**
 * Headers that tell a client about the end of a model: `Deprecation` (RFC 9745) from its day on, `Sunset` (RFC 8594) as soon as it is
 * known, and where to go. Empty for a model without an end.
 * @param standIn what stands in for the model now, where its own successor was switched off as well
 */
export function lifecycleHeaders(model: Dated, now: Date, standIn?: Pick<Model, 'id'>): Record<string, string> {
  const { deprecated, sunset, source } = model.lifecycle ?? {};
  const successor = standIn?.id ?? model.lifecycle?.successor;
  const headers: Record<string, string> = {};
  if (deprecated !== undefined && isDeprecated(model, now)) headers.Deprecation = `@${startOf(deprecated) / 1000}`;
  if (sunset !== undefined) headers.Sunset = new Date(startOf(sunset)).toUTCString();
  if (Object.keys(headers).length === 0) return headers;
  const links: string[] = [];
  if (successor !== undefined) {
    links.push(`<${modelPath(successor)}>; rel="successor-version"`);
    if (/^[\x21-\x7e]+$/.test(successor)) headers['X-Litegen-Successor'] = successor;
  }
  if (source !== undefined && /^https?:\/\/[\x21-\x7e]+$/.test(source) && !/[<>"]/.test(source)) {
    links.push(`<${source}>; rel="${headers.Deprecation === undefined ? 'sunset' : 'deprecation'}"; type="text/html"`);
  }
  if (links.length > 0) headers.Link = links.join(', ');
  return headers;
}
