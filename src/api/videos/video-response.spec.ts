import { describe, expect, it } from 'vitest';
import type { Model } from '../../domain/catalog/index.js';
import type { GenerationEntity, GenerationRecord } from '../../engine/generations/index.js';
import { durationOf } from './video-command.service.js';
import { toVideo } from './video-response.js';

const CLIP = { id: 'asset-1', contentType: 'video/mp4', bytes: 10, width: 320, height: 180, durationMs: 2040 };

function record(changes: Partial<GenerationEntity>, params: object = {}, outputs: object[] = []): GenerationRecord {
  const generation = {
    id: 'litegen-vid-1',
    status: 'running',
    model: 'acme/clip',
    provider: 'acme',
    progress: 40,
    createdAt: 1_700_000_000_900,
    completedAt: null,
    request: { prompt: 'a ball', params, dialect: 'openai' },
    receipt: {},
    metadata: null,
    usage: null,
    costMicros: null,
    costSource: null,
    quote: { amountMicros: 250_000 },
    errorCode: null,
    errorMessage: null,
    ...changes,
  };
  return { generation, outputs } as unknown as GenerationRecord;
}

const link = ({ id }: { readonly id: string }) => `https://files.test/${id}`;
const view = (...args: Parameters<typeof record>) => toVideo(record(...args), undefined, link);
const litegen = { request: { prompt: 'a ball', params: {}, dialect: 'litegen' } } as unknown as Partial<GenerationEntity>;

describe('toVideo', () => {
  it.each([
    ['queued', 'queued', 'pending'],
    ['dispatching', 'in_progress', 'processing'],
    ['running', 'in_progress', 'processing'],
    ['ingesting', 'in_progress', 'processing'],
    ['completed', 'completed', 'completed'],
    ['failed', 'failed', 'failed'],
    ['cancelled', 'failed', 'cancelled'],
  ] as const)('%s is %s to OpenAI and %s to LiteGen', (status, openai, other) => {
    expect(view({ status }).status).toBe(openai);
    expect(view({ status, ...litegen }).status).toBe(other);
    expect(toVideo(record({ status, ...litegen }), undefined, link, 'openai').status).toBe(openai);
  });

  it('tells a failure in the words of each dialect', () => {
    const failed = { status: 'failed', errorCode: 'provider_timeout', errorMessage: 'too slow' } as const;
    expect(view(failed)).toMatchObject({ error: { code: 'provider_timeout', message: 'too slow' }, error_code: 'provider_timeout' });
    expect(view({ ...failed, ...litegen })).toMatchObject({ error: 'too slow', error_code: 'provider_timeout' });
    expect(view({ status: 'cancelled' }).error).toMatchObject({ code: 'cancelled' });
    expect(view({})).toMatchObject({ error: null, error_code: null });
  });

  it('has text for seconds and size: asked for, measured, or what the model does unasked', () => {
    expect(view({}, { duration_seconds: 5, size: { width: 640, height: 360 } })).toMatchObject({ seconds: '5', size: '640x360' });
    expect(view({}, {}, [CLIP])).toMatchObject({ seconds: '2', size: '320x180' });
    const model = {
      params: { duration_seconds: { kind: 'float', default: 5 }, size: { kind: 'size', default: '1280x720' } },
    } as unknown as Model;
    expect(toVideo(record({}), model, link)).toMatchObject({ seconds: '5', size: '1280x720' });
    expect(view({})).toMatchObject({ seconds: '', size: '1280x720' });
    expect(view({}, { resolution: '1080p', aspect_ratio: '9:16' }).size).toBe('1080x1920');
    const labelled = {
      params: { resolution: { kind: 'string', default: '480p' }, aspect_ratio: { kind: 'aspect_ratio', default: '1:1' } },
    };
    expect(toVideo(record({}), labelled as unknown as Model, link).size).toBe('480x480');
    const listed = {
      params: {
        size: {
          kind: 'size',
          mode: 'enum',
          values: [
            [256, 256],
            [320, 180],
            [180, 320],
          ],
        },
      },
    } as unknown as Model;
    expect(toVideo(record({}), listed, link).size).toBe('320x180');
    expect(toVideo(record({}, { aspect_ratio: '9:16' }), listed, link).size).toBe('180x320');
    expect(toVideo(record({}, { aspect_ratio: '9:16' }), model, link).size).toBe('720x1280');
    expect(view({}, { resolution: '848x480' }).size).toBe('848x480');
  });

  it('links every file, and estimates the cost until it is known', () => {
    const running = view({});
    expect(running).not.toHaveProperty('video_url');
    expect(running.usage).toMatchObject({ cost_usd: 0.25, tokens: 250, cost_source: 'estimated' });
    const done = view({ status: 'completed', completedAt: 1_700_000_009_000, costMicros: 300_001, costSource: 'vendor_reported' }, {}, [
      CLIP,
      { ...CLIP, id: 'asset-2' },
    ]);
    expect(done).toMatchObject({ video_url: 'https://files.test/asset-1', completed_at: 1_700_000_009, created_at: 1_700_000_000 });
    expect(done.outputs.map(({ url, index, duration_seconds: seconds }) => [url, index, seconds])).toEqual([
      ['https://files.test/asset-1', 0, 2.04],
      ['https://files.test/asset-2', 1, 2.04],
    ]);
    expect(done.usage).toMatchObject({ cost_usd: 0.300001, tokens: 301, cost_source: 'dynamic' });
  });
});

describe('durationOf', () => {
  it.each([
    [{}, undefined],
    [{ seconds: '8' }, 8],
    [{ seconds: 4.5 }, 4.5],
    [{ duration_seconds: 3 }, 3],
    [{ seconds: '3', duration_seconds: 3 }, 3],
  ])('%j', (fields, expected) => {
    expect(durationOf(fields)).toBe(expected);
  });

  it.each([[{ seconds: 'soon' }], [{ seconds: '' }], [{ seconds: '2', duration_seconds: 3 }]])('refuses %j', (fields) => {
    expect(() => durationOf(fields)).toThrow(expect.objectContaining({ code: 'param_invalid_type' }));
  });
});
