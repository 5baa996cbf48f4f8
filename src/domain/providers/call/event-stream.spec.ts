import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mediaPlaces, type ServerSentEvent, type StoredMedia } from '@litegen/plugin-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../../platform/config/index.js';
import { type BlobStore, openBlobStore } from '../../storage/index.js';
import { EventStream } from './event-stream.js';

let directory: string;
let store: BlobStore;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'litegen-events-'));
  store = await openBlobStore(configSchema.parse({ storage: { path: directory } }), Date.now());
});

afterAll(() => rm(directory, { recursive: true, force: true }));

async function* cut(text: string, chunk: number): AsyncGenerator<Uint8Array, void> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
}

async function eventsOf(text: string, chunk = 1 << 30): Promise<ServerSentEvent[]> {
  const stream = new EventStream({ places: mediaPlaces({ base64Keys: ['b64_json'] }), openWriter: () => store.createWriter(1e6) });
  const events: ServerSentEvent[] = [];
  for await (const event of stream.read(cut(text, chunk))) events.push(event);
  return events;
}

describe('EventStream', () => {
  it.each(['\n', '\r\n', '\r'])('reads lines that end with %j, wherever the chunks are cut', async (end) => {
    const base64 = Buffer.from('partial picture').toString('base64');
    const lines = [
      ': comment',
      'event: partial',
      `data: {"index":0,`,
      `data:"b64_json":"${base64}"}`,
      'id: 7',
      '',
      'retry: 100',
      '',
      'event:ünïcode',
      'data: [DONE]',
      '',
      'data',
      '',
      'data: {"a":1}',
      '',
      'event: lost',
      'data: never closed',
    ];
    const text = lines.join(end);
    for (let chunk = 1; chunk <= text.length; chunk += 1) {
      const events = await eventsOf(text, chunk);
      expect(events.map(({ event }) => event)).toEqual(['partial', 'ünïcode', 'message', 'message']);
      const [partial, ...others] = events.map(({ data }) => data);
      const { index, b64_json: stored } = partial as unknown as { index: number; b64_json: StoredMedia };
      expect(index).toBe(0);
      expect((await store.readAll(stored.sha256)).toString()).toBe('partial picture');
      expect(others).toEqual(['[DONE]', '', { a: 1 }]);
    }
  });

  it('passes a byte-order mark over, before the stream and before an event', async () => {
    for (const chunk of [1, 2, 3, 100]) {
      expect(await eventsOf('\uFEFFdata: {"a":1}\n\ndata: \uFEFF{"a":2}\n\n\uFEFFdata: {"a":3}\n\n', chunk)).toEqual([
        { event: 'message', data: { a: 1 } },
        { event: 'message', data: { a: 2 } },
      ]);
    }
  });

  it('refuses what is no event stream, and marks media that is no base64', async () => {
    await expect(eventsOf('<html>'.repeat(2000))).rejects.toThrow('not an event stream');
    expect(await eventsOf('data: {"b64_json":"AAAAA"}\n\ndata: {"a":1}\n\n')).toMatchObject([
      { data: { b64_json: { kind: 'litegen.unreadable-media' } } },
      { data: { a: 1 } },
    ]);
    await expect(eventsOf('data: {"b64_json":"QUJD"\n\n')).rejects.toThrow('not JSON');
  });
});
