import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FileText } from './answers.service.js';
import { EventStream } from './event-answers.service.js';

const FILE = randomBytes(200_000);

async function* opened(): AsyncGenerator<Buffer> {
  yield FILE;
}

async function read(stream: EventStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.bytes(() => opened())) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('EventStream', () => {
  it('writes events in order, with files as base64', async () => {
    const stream = new EventStream();
    const reading = read(stream);
    stream.push({ event: 'a', data: { text: 'line\nbreak' } });
    await new Promise((resolve) => setImmediate(resolve));
    stream.push({ event: 'b', data: { b64_json: new FileText('x', FILE.length) } });
    stream.end();
    expect(await reading).toBe(`event: a\ndata: {"text":"line\\nbreak"}\n\nevent: b\ndata: {"b64_json":"${FILE.toString('base64')}"}\n\n`);
  });

  it('sends a comment only while nothing else waits', async () => {
    const stream = new EventStream();
    stream.beat();
    stream.push({ event: 'a', data: 1 });
    stream.beat();
    const reading = read(stream);
    await new Promise((resolve) => setImmediate(resolve));
    stream.end();
    expect(await reading).toBe('event: a\ndata: 1\n\n: waiting\n\n');
  });

  it('sends nothing more to a client that is gone', async () => {
    const stream = new EventStream();
    stream.push({ event: 'a', data: 1 });
    stream.abandon();
    stream.push({ event: 'b', data: 2 });
    expect(await read(stream)).toBe('');
  });
});
