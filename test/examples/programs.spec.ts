import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, until } from '../support/client.js';
import { freePort } from '../support/free-port.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

interface Program {
  readonly child: ChildProcess;
  /** All that it wrote to both streams so far. */
  output(): string;
  readonly ended: Promise<number | null>;
}

function start(file: string, directory: string, env: Readonly<Record<string, string>>): Program {
  const child = spawn(process.execPath, [path(file)], { cwd: directory, env: { PATH: process.env.PATH, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output, ended: new Promise((resolve) => child.once('close', resolve)) };
}

describe('the examples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-examples-'));
  let gateway: Gateway;
  let port: number;

  beforeAll(async () => {
    port = await freePort();
    // As the examples' READMEs have it: on this machine, without a master key.
    gateway = await startGateway({ env: { LITEGEN__EGRESS__ALLOW: `127.0.0.1:${port}` } });
  });
  afterAll(async () => {
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('node-app saves a picture and a clip', async () => {
    const app = start('examples/node-app/app.mjs', folder, { LITEGEN_URL: gateway.url });
    expect(await app.ended, app.output()).toBe(0);
    expect(app.output()).toBe('fox.png\nclip.mp4\n');
    expect(readFileSync(join(folder, 'fox.png')).subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    expect(readFileSync(join(folder, 'clip.mp4')).subarray(4, 8).toString('latin1')).toBe('ftyp');
  });

  it('node-app asks for the SDK that is tried here', () => {
    const read = (file: string) => JSON.parse(readFileSync(path(file), 'utf8')) as Record<string, Record<string, string>>;
    expect(read('examples/node-app/package.json')['dependencies']).toEqual({ openai: read('package.json')['devDependencies']?.['openai'] });
  });

  it('webhook-receiver takes what the gateway sends, once, and nothing else', async () => {
    const client = new Client(gateway.url);
    const url = `http://127.0.0.1:${port}/`;
    const { secret } = await client.read<{ secret: string }>('/v1/webhooks/endpoints', { body: { url } });
    const receiver = start('examples/webhook-receiver/receiver.mjs', folder, { LITEGEN_WEBHOOK_SECRET: secret, PORT: String(port) });
    try {
      await until(() => receiver.output().includes(`Listening at ${url}`));
      const { id } = (await client.image({ model: 'mock/paint', prompt: 'a red fox' })).json<{ id: string }>();
      await until(() => receiver.output().includes(`generation.completed ${id}\n`));

      const body = JSON.stringify({ type: 'generation.failed', data: { id: 'gen_example' } });
      const now = new Date();
      const post = async (signature: string) => {
        const headers = {
          'webhook-id': 'msg_1',
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': signature,
        };
        return (await fetch(url, { method: 'POST', headers, body })).status;
      };
      const genuine = new Webhook(secret).sign('msg_1', now, body);
      expect([await post('v1,bm90IGdlbnVpbmU='), await post(genuine), await post(genuine)]).toEqual([400, 204, 204]);
      expect(receiver.output().split('\n').slice(2)).toEqual(['refused: no signature matches', 'generation.failed gen_example', '']);
    } finally {
      receiver.child.kill();
      await receiver.ended;
    }
  });
});
