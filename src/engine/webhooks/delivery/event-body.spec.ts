import { describe, expect, it } from 'vitest';
import { assetRow, generationRow, SEED_TIME_MS } from '../../../../test/support/generations.js';
import type { AssetEntity } from '../../../domain/storage/index.js';
import { type GenerationEntity, toGeneration } from '../../generations/index.js';
import { generationBody, MAX_BODY_BYTES } from './event-body.js';

function bodyOf(generation: GenerationEntity, outputs: readonly AssetEntity[] = []): { text: string; body: Record<string, unknown> } {
  const link = ({ id }: { readonly id: string }) => `https://gateway.example/v1/files/${id}?expires=1&signature=x`;
  const text = generationBody('generation.completed', toGeneration({ generation, outputs, vendorJobId: null }, link), SEED_TIME_MS);
  return { text, body: JSON.parse(text) as Record<string, unknown> };
}

describe('the body of an event', () => {
  it('is Standard Webhooks’ envelope and LiteGen’s Generation object at once', () => {
    const generation = generationRow({ metadata: { order: 7 } });
    const { body } = bodyOf(generation, [assetRow(generation)]);
    expect(body).toMatchObject({
      type: 'generation.completed',
      timestamp: new Date(SEED_TIME_MS).toISOString(),
      data: { id: generation.id, operation: 'image.generate', outputs: [{ content_type: 'image/png' }] },
    });
    const { type: _type, timestamp: _timestamp, data: _data, ...litegen } = body;
    expect(litegen).toEqual({
      id: generation.id,
      key_id: null,
      model: 'mock/paint',
      provider: 'mock',
      media_type: 'image',
      status: 'completed',
      progress: 100,
      provider_job_id: null,
      result_url: expect.stringMatching(/^https:\/\/gateway\.example\/v1\/files\/asset-/),
      error_message: null,
      cost_usd: 0.04,
      created_at: expect.any(String),
      completed_at: expect.any(String),
      metadata: { order: 7 },
      org_id: generation.orgId,
      app_id: generation.appId,
    });
  });

  it('stays small, and leaves out what weighs most and matters least', () => {
    const prompts = generationRow();
    const outputs = Array.from({ length: 10 }, (_unused, position) => assetRow(prompts, { position, revisedPrompt: 'é'.repeat(4000) }));
    const cut = bodyOf(prompts, outputs);
    expect(Buffer.byteLength(cut.text)).toBeLessThanOrEqual(MAX_BODY_BYTES);
    expect((cut.body['data'] as { outputs: unknown[] }).outputs).toHaveLength(10);

    const heavy = generationRow({ metadata: { notes: 'x'.repeat(30_000) } });
    const light = bodyOf(heavy, [assetRow(heavy)]);
    expect(Buffer.byteLength(light.text)).toBeLessThanOrEqual(MAX_BODY_BYTES);
    expect(light.body).toMatchObject({ metadata: null, status: 'completed', result_url: expect.stringContaining('/v1/files/') });

    const failed = generationRow({ status: 'failed', errorCode: 'provider_internal', errorMessage: 'y'.repeat(60_000) });
    const told = bodyOf(failed);
    expect(Buffer.byteLength(told.text)).toBeLessThanOrEqual(MAX_BODY_BYTES);
    expect(told.body['error_message']).toMatch(/^y{2000}$/);
  });
});
