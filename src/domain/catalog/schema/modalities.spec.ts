import { describe, expect, it } from 'vitest';
import { MODALITIES, MODALITY_NAMES, type Modality, modalityOf, OPERATIONS } from './modalities.js';

describe('modalities', () => {
  it('share out the operations, each named after the modality that it belongs to', () => {
    expect(OPERATIONS).toEqual(['image.generate', 'image.edit', 'video.generate']);
    expect(OPERATIONS.map(modalityOf)).toEqual(['image', 'image', 'video']);
    for (const operation of OPERATIONS) expect(operation.startsWith(`${modalityOf(operation)}.`)).toBe(true);
  });

  it('differ in the beginning of their ids', () => {
    expect(new Set(MODALITY_NAMES.map((name) => MODALITIES[name].idPrefix)).size).toBe(MODALITY_NAMES.length);
  });

  it('cannot lack an entry or an operation', () => {
    const { image, video } = MODALITIES;
    // @ts-expect-error a modality is missing
    const incomplete: Readonly<Record<Modality, unknown>> = { image };
    // @ts-expect-error an operation has no endpoint
    const unreachable: typeof MODALITIES = { image: { ...image, endpoints: { 'image.edit': 'POST /v1/images/edits' } }, video };
    // Neither is asked about nor stored: what is streamed fits the same table.
    const streamed: typeof MODALITIES = { image, video: { ...video, polling: null, files: null } };
    expect([incomplete, unreachable, streamed]).toHaveLength(3);
  });
});
