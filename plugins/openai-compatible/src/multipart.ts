import type { InputMedia, Json, MultipartPart } from '@litegen/plugin-sdk';

/** Text parts for the fields; whatever is not a string is written as JSON. */
export function fieldParts(fields: Readonly<Record<string, Json>>): MultipartPart[] {
  return Object.entries(fields).map(([name, value]) => ({ name, value: typeof value === 'string' ? value : JSON.stringify(value) }));
}

export function filePart(name: string, stem: string, media: InputMedia): MultipartPart {
  return { name, value: media, filename: `${stem}.${media.contentType.split('/')[1] ?? 'bin'}`, contentType: media.contentType };
}
