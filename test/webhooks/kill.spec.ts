import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Client, until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { answering, receiver } from './receiver.js';
import { isGenuine } from './verify.js';
import { type Endpoint, MASTER_KEY } from './webhooks-application.js';

const EVENTS = 5;

describe.each(databases())('events of a gateway that is killed, on $name', ({ url: databaseUrl }) => {
  const home = receiver();
  const folder = mkdtempSync(join(tmpdir(), 'litegen-webhooks-'));
  const gateways: Gateway[] = [];
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(): Promise<Client> {
    const gateway = await startGateway({
      databaseUrl,
      blobsDirectory: join(folder, 'blobs'),
      yaml: `
egress: { allow: ['${home.allowed}'] }
webhooks: { timeout_seconds: 1, retry_schedule_seconds: [1, 1, 1], endpoint_concurrency: 1 }
`,
      env: { LITEGEN__MASTER_KEY: MASTER_KEY, LITEGEN__OBSERVABILITY__LOG_LEVEL: 'info' },
    });
    gateways.push(gateway);
    return new Client(gateway.url, MASTER_KEY);
  }

  it('are all delivered after the restart, under the ids they had', { timeout: 150_000 }, async () => {
    const before = await start();
    const endpoint = await before.read<Endpoint>('/v1/webhooks/endpoints', { body: { url: home.url } });
    // The first is under way and never answered, the others are committed and never sent.
    home.answer = () => undefined;
    const pictures = Array.from({ length: EVENTS }, (_unused, index) =>
      before.image({ model: 'mock/paint', prompt: `a fox ${index}`, size: '256x256' }),
    );
    for (const { status } of await Promise.all(pictures)) expect(status).toBe(200);
    await until(() => home.received.length === 1);
    await gateways[0]?.kill();
    const [interrupted = ''] = home.ids();
    home.answer = answering(200);
    home.received.length = 0;

    const after = await start();
    const { data } = await until(async () => {
      const log = await after.read<{ data: { state: string; message_id: string }[] }>(`/v1/webhooks/endpoints/${endpoint.id}/deliveries`);
      return log.data.every(({ state }) => state === 'delivered') && log;
    });
    expect(data).toHaveLength(EVENTS);
    expect(new Set(home.ids())).toEqual(new Set(data.map(({ message_id: id }) => id)));
    expect(home.ids()).toContain(interrupted);
    for (const { headers, body } of home.received) expect(isGenuine(endpoint.secret, headers, body)).toBe(true);
    const generations = new Set(home.received.map(({ body }) => (JSON.parse(body) as { id: string }).id));
    expect(generations).toEqual(new Set((await after.generations()).map(({ id }) => id)));
  });
});
