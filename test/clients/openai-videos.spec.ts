import { makePng } from '@litegen/plugin-sdk/testing';
import OpenAI, { APIError, BadRequestError, ConflictError, NotFoundError, RateLimitError, toFile } from 'openai';
import { VERSION } from 'openai/version';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.js';
import { client } from './table.js';

let gateway: Gateway;
let openai: OpenAI;

beforeAll(async () => {
  gateway = await startGateway({ env: { LITEGEN__ENGINE__MAX_ATTEMPTS: '1' } });
  openai = new OpenAI({ apiKey: 'unused', baseURL: `${gateway.url}/v1`, maxRetries: 0 });
});

afterAll(async () => {
  await gateway?.stop();
});

const call = (calls: string) => client('OpenAI', 'openai', VERSION, calls);

type Video = OpenAI.Videos.Video;

async function finished(id: string): Promise<Video> {
  for (;;) {
    const { data: video, response } = await openai.videos.retrieve(id).withResponse();
    if (video.status === 'completed' || video.status === 'failed') return video;
    const pollMs = Number(response.headers.get('openai-poll-after-ms'));
    expect(pollMs).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, Math.min(pollMs, 500)));
  }
}

async function failure(promise: Promise<unknown>): Promise<APIError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}

/** The client's type lists Sora's values only; the wire takes any. */
function params(options: Record<string, unknown>): OpenAI.Videos.VideoCreateParams {
  return { model: 'mock/clip', prompt: 'a red ball', ...options } as OpenAI.Videos.VideoCreateParams;
}

describe('the official OpenAI client: videos', () => {
  it('creates, polls and downloads', call('`videos.create`, `retrieve`, `downloadContent`'), async () => {
    const created = await openai.videos.create(params({ prompt: 'a red ball [mock latency=700ms]', seconds: '2', size: '320x180' }));
    expect(created).toMatchObject({
      object: 'video',
      status: 'in_progress',
      model: 'mock/clip',
      seconds: '2',
      size: '320x180',
      error: null,
      completed_at: null,
    });
    expect(created.id).toMatch(/^[\w-]+$/);
    expect((await failure(openai.videos.downloadContent(created.id))) instanceof ConflictError).toBe(true);

    const video = await finished(created.id);
    expect(video).toMatchObject({ status: 'completed', progress: 100, seconds: '2', size: '320x180' });
    expect(video.completed_at).toBeGreaterThanOrEqual(video.created_at);
    const content = await openai.videos.downloadContent(created.id);
    expect(content.headers.get('content-type')).toBe('video/mp4');
    const bytes = Buffer.from(await content.arrayBuffer());
    expect(bytes.toString('latin1', 4, 8)).toBe('ftyp');
    expect(bytes).toHaveLength(Number(content.headers.get('content-length')));

    const link = (video as unknown as { video_url: string }).video_url;
    expect(Buffer.from(await (await fetch(link)).arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(link, { headers: { range: 'bytes=4-7' } });
    expect([part.status, await part.text()]).toEqual([206, 'ftyp']);
  });

  it('starts from a file, from a URL object and from words alone', call('`videos.create` with `input_reference`'), async () => {
    const png = makePng({ width: 64, height: 64 });
    const file = await openai.videos.create(params({ seconds: '1', input_reference: await toFile(png, 'upload') }));
    const image = await openai.videos.create(
      params({ seconds: '1', input_reference: { image_url: `data:image/png;base64,${png.toString('base64')}` } }),
    );
    const words = await openai.videos.create(params({ seconds: '1' }));
    const roles = (video: Video) =>
      (video as unknown as { receipt: { applied: string[] } }).receipt.applied.filter((field) => field.startsWith('input'));
    expect([roles(file), roles(image), roles(words)]).toEqual([['input_reference'], ['input_reference'], []]);
  });

  it('lists by cursor, in both orders', call('`videos.list`'), async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.push((await openai.videos.create(params({ seconds: '1', prompt: `clip ${count}` }))).id);
    const newest: string[] = [];
    for await (const { id } of await openai.videos.list({ limit: 2 })) {
      newest.push(id);
      if (newest.length === 3) break;
    }
    expect(newest).toEqual([...ids].reverse());
    const page = await openai.videos.list({ limit: 1, order: 'asc', after: ids[1] });
    expect(page.data.map(({ id }) => id)).toEqual([ids[2]]);
    expect((await failure(Promise.resolve(openai.videos.list({ after: 'nothing' })))) instanceof NotFoundError).toBe(true);
  });

  it('deletes', call('`videos.delete`'), async () => {
    const { id } = await openai.videos.create(params({ prompt: 'x [mock latency=60s]', seconds: '1' }));
    expect(await openai.videos.delete(id)).toEqual({ id, object: 'video.deleted', deleted: true });
    expect((await failure(openai.videos.retrieve(id))) instanceof NotFoundError).toBe(true);
  });

  it('gets a refusal as an error, and a later failure as a state', call('a video that is refused, and one that fails later'), async () => {
    const refused = await failure(openai.videos.create(params({ prompt: 'x [mock fail=rate_limited retry_after=3]' })));
    expect(refused).toBeInstanceOf(RateLimitError);
    expect(refused).toMatchObject({ code: 'provider_rate_limited', requestID: expect.stringMatching(/^req_/) });
    expect(refused.headers?.get('retry-after')).toBe('3');

    const { id } = await openai.videos.create(params({ prompt: 'x [mock fail=content_rejected at=run latency=300ms]' }));
    const failed = await finished(id);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'moderation_blocked', message: expect.any(String) } });
    const content = await failure(openai.videos.downloadContent(id));
    expect(content).toBeInstanceOf(BadRequestError);
    expect(content.code).toBe('moderation_blocked');
  });

  it('has failed when it was cancelled, which LiteGen’s route calls so', async () => {
    const make = async (path: string) =>
      openai.post<{ id: string }>(path, { body: { model: 'mock/clip', prompt: 'x [mock latency=60s]', duration_seconds: 1 } });
    const [own, theirs] = [await make('/videos'), await make('/videos/generations')];
    for (const { id } of [own, theirs]) await openai.patch(`/generations/${id}`, { body: { status: 'cancelled' } });
    expect(await openai.videos.retrieve(own.id)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    expect(await openai.videos.retrieve(theirs.id)).toMatchObject({ status: 'cancelled', error_code: 'cancelled' });
  });

  it('tells a size before there is a file: what the model makes unasked', async () => {
    const created = await openai.videos.create(params({ prompt: 'x [mock latency=400ms]', seconds: '1' }));
    expect(created).toMatchObject({ status: 'in_progress', size: '320x180' });
    expect(await finished(created.id)).toMatchObject({ status: 'completed', size: '320x180' });
  });

  it('remixes a video where the model takes one', call('`videos.remix`'), async () => {
    const source = await openai.videos.create(params({ seconds: '1', size: '256x256' }));
    expect(source.remixed_from_video_id).toBeNull();
    await finished(source.id);
    const remix = await openai.videos.remix(source.id, { prompt: 'a blue ball [mock latency=300ms]' });
    const expected = { model: 'mock/clip', seconds: '1', size: '256x256', remixed_from_video_id: source.id };
    expect(remix).toMatchObject({ ...expected, prompt: 'a blue ball [mock latency=300ms]' });
    expect(await finished(remix.id)).toMatchObject({ ...expected, status: 'completed' });
    const [first, second] = await Promise.all(
      [source, remix].map(async ({ id }) => Buffer.from(await (await openai.videos.downloadContent(id)).arrayBuffer()).toString('base64')),
    );
    expect(first).not.toBe(second);
    const again = await openai.videos.remix(remix.id, { prompt: 'a green ball' });
    expect(again.remixed_from_video_id).toBe(remix.id);
  });

  it('says why there is no remix', call('`videos.remix`'), async () => {
    const running = await openai.videos.create(params({ prompt: 'x [mock latency=60s]', seconds: '1' }));
    const early = await failure(openai.videos.remix(running.id, { prompt: 'a blue ball' }));
    expect(early).toBeInstanceOf(ConflictError);
    expect(early).toMatchObject({ code: 'not_ready' });
    const other = await openai.videos.create(params({ model: 'mock/strict-duration-video' }));
    await finished(other.id);
    const unable = await failure(openai.videos.remix(other.id, { prompt: 'a blue ball' }));
    expect(unable).toBeInstanceOf(BadRequestError);
    expect(unable).toMatchObject({
      code: 'operation_unsupported',
      param: 'model',
      message: '400 mock/strict-duration-video remixes no videos: use mock/clip or mock/priced-clip.',
    });
    expect((await failure(openai.videos.remix('nothing', { prompt: 'a blue ball' }))) instanceof NotFoundError).toBe(true);
    const source = await openai.videos.create(params({ seconds: '1' }));
    await finished(source.id);
    const wordless = await failure(openai.videos.remix(source.id, {} as OpenAI.Videos.VideoRemixParams));
    expect(wordless).toMatchObject({ status: 400, code: 'prompt_required', param: 'prompt' });
    const more = { prompt: 'a blue ball', model: 'mock/clip' } as OpenAI.Videos.VideoRemixParams;
    expect(await failure(openai.videos.remix(source.id, more))).toMatchObject({ status: 400, code: 'param_unsupported', param: 'model' });
  });

  it('has no previews of a video, and says so', call('`videos.downloadContent` with `variant`, refused'), async () => {
    const { id } = await openai.videos.create(params({ seconds: '1' }));
    await finished(id);
    for (const variant of ['thumbnail', 'spritesheet'] as const) {
      const error = await failure(openai.videos.downloadContent(id, { variant }));
      expect(error).toBeInstanceOf(BadRequestError);
      expect(error).toMatchObject({ code: 'param_unsupported', param: 'variant' });
      expect(error.message).toContain(`mock/clip makes no ${variant}`);
    }
    expect((await openai.videos.downloadContent(id, { variant: 'video' })).headers.get('content-type')).toBe('video/mp4');
    const poster = { variant: 'poster' } as unknown as OpenAI.Videos.VideoDownloadContentParams;
    expect(await failure(openai.videos.downloadContent(id, poster))).toMatchObject({ code: 'param_enum_mismatch', param: 'variant' });
  });

  it('is refused what the model does not make', call('a video that is refused, and one that fails later'), async () => {
    const error = await failure(openai.videos.create(params({ seconds: '60' })));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: 'param_out_of_range', param: 'seconds' });
  });
});
