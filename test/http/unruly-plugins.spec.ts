import { fileURLToPath } from 'node:url';
import { type HttpSimulator, startHttpSimulator } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, Client, failureOf, type GenerationView, until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const PLUGINS = fileURLToPath(new URL('../../bench/chaos/unruly-plugin', import.meta.url));
const KEY = 'the-master-key-of-this-test';

interface Readiness {
  readonly status: string;
  readonly checks: { readonly providers: string[]; readonly plugins_taken_out: string[] };
}

describe.each(databases())('a plugin that keeps no rule, on $name', ({ url }) => {
  let gateway: Gateway;
  let client: Client;
  let vendor: HttpSimulator;

  const start = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
    gateway = await startGateway({
      databaseUrl: url,
      env,
      yaml: JSON.stringify({
        master_key: KEY,
        plugins: { directories: [PLUGINS] },
        providers: { unruly: { options: { vendor: vendor.origin }, api_base: vendor.origin } },
        engine: { tick_ms: 50, lease_seconds: 3, poll_timeout_seconds: 1 },
      }),
    });
    client = new Client(gateway.url, KEY);
  };

  beforeAll(async () => {
    vendor = await startHttpSimulator(() => ({ status: 200, body: '{}' }));
    await start();
  });
  afterAll(async () => {
    await gateway?.stop();
    await vendor?.close();
  });

  const ask = (prompt: string, model = 'unruly/image'): Promise<Answer> => client.image({ model, prompt });
  const idOf = (answer: Answer): string => answer.headers.get('x-litegen-generation-id') ?? '';
  const others = async (): Promise<void> => expect((await client.image({ model: 'mock/paint', prompt: 'a boat' })).status).toBe(200);
  const metrics = async (): Promise<string> => (await fetch(`${gateway.url}/metrics`)).text();

  it('ends with its deadline though it hangs, and nothing was sent', async () => {
    const [answer] = await Promise.all([ask('hang'), others()]);
    expect(failureOf(answer)).toMatchObject({ code: 'provider_timeout', message: expect.stringContaining('unruly') });
    expect(await client.generation(idOf(answer))).toMatchObject({ error: { charged: 'no' }, hold: { state: 'released' } });
    expect(gateway.logs()).toContain(`The plugin unruly did not stop the start of ${idOf(answer)} when it was aborted`);
    expect(await metrics()).toContain('litegen_plugin_faults_total{plugin="unruly",kind="abandoned_call"} ');
  });

  it('ends with its deadline though it hangs, and what was sent may be charged', async () => {
    const answer = await ask('sent');
    expect(failureOf(answer)).toMatchObject({ code: 'outcome_unknown' });
    expect(await client.generation(idOf(answer))).toMatchObject({ error: { charged: 'unknown' }, hold: { state: 'held' } });
  });

  it.each([
    ['late', 'brought an answer (1 outputs)'],
    ['lateJob', 'brought an answer (job job-77)'],
    ['lateError', 'failed (too late)'],
  ])('changes nothing when it ends too late, which is logged once: %s', async (word, said) => {
    const answer = await ask(word);
    const { id } = await client.generation(idOf(answer));
    const line = `The plugin unruly ended the start of ${id} after`;
    await until(() => gateway.logs().includes(line));
    expect(gateway.logs().split(line)).toHaveLength(2);
    expect(gateway.logs()).toContain(said);
    expect(await client.generation(id)).toMatchObject({ status: 'failed', outputs: [], error: { code: failureOf(answer).code } });
  });

  it.each(['hangStatus', 'hangCancel'])('is asked about a job again and again until the deadline: %s', async (word) => {
    const wait = { headers: { prefer: 'respond-async' } };
    const { id } = (await client.image({ model: 'unruly/image', prompt: word }, wait)).json<GenerationView>();
    if (word === 'hangCancel') await client.send(`/v1/generations/${id}/cancel`, { method: 'POST' });
    await others();
    expect(await client.ended(id)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded', charged: 'unknown' } });
  });

  it('floods nobody with events, lines, warnings and previews', { timeout: 120_000 }, async () => {
    const before = gateway.logs().length;
    const [answer] = await Promise.all([ask('flood', 'unruly/patient'), others()]);
    expect(answer.status, answer.text.slice(0, 500)).toBe(200);
    expect(gateway.logs().length - before).toBeLessThan(40_000_000);
    const { receipt } = (await client.generation(idOf(answer))) as GenerationView & { receipt: object };
    expect(JSON.stringify(receipt).match(/warning \d+/g)?.length).toBeLessThanOrEqual(100);
  });

  it('is paid for what was asked, however much it brings', async () => {
    const answer = await ask('many');
    expect(answer.json<{ data: object[] }>().data).toHaveLength(1);
    expect(failureOf(await ask('huge'))).toMatchObject({ code: 'outcome_unknown' });
    await until(async () => (await ask('strangePauses', 'unruly/patient')).status === 200);
  });

  it('is taken out of use after several errors that nobody caught, and the others go on', async () => {
    for (const kind of ['throw', 'reject', 'unawaited', 'throw']) {
      expect((await ask(`stray ${kind}`)).status).toBe(200);
      await others();
    }
    await until(async () => /litegen_plugin_faults_total\{plugin="unruly",kind="uncaught_exception"\} 2/.test(await metrics()));
    expect(gateway.logs()).toContain('The plugin unruly threw an error outside of any call: Error: thrown in a timer');
    expect(gateway.logs()).toContain('The plugin unruly left a rejected promise behind');
    expect((await client.read<Readiness>('/health/ready')).checks).toMatchObject({ plugins_taken_out: [] });
    expect((await ask('paint')).status).toBe(200);
    await ask('stray reject');
    const readiness = await until(async () => {
      const found = await client.read<Readiness>('/health/ready');
      return found.checks.plugins_taken_out.length > 0 && found;
    });
    expect(readiness).toMatchObject({
      status: 'ready',
      checks: { plugins_taken_out: ['unruly'], providers: expect.not.arrayContaining(['unruly']) },
    });
    const refused = await ask('paint');
    expect(failureOf(refused)).toMatchObject({
      status: 503,
      code: 'provider_unavailable',
      message: expect.stringContaining('is disabled'),
    });
    const providers = await client.read<{ name: string; status: string; reason: string }[]>('/v1/providers');
    expect(providers.find(({ name }) => name === 'unruly')).toMatchObject({
      status: 'taken_out',
      reason: expect.stringContaining('5 errors'),
    });
    expect(await metrics()).toContain('litegen_plugin_taken_out{plugin="unruly"} 1');
    expect((await client.read<{ data: { id: string }[] }>('/v1/models')).data.map(({ id }) => id)).not.toContain('unruly/image');
    await others();
  });

  it('is what ends nothing: an error of the gateway itself still ends it', async () => {
    const preload = "process.on('SIGUSR2', () => { throw new Error('of the gateway itself'); });";
    await gateway.stop();
    await start({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` });
    await others();
    const { logs } = gateway;
    gateway.signal('SIGUSR2');
    await until(() => logs().includes('An error that nobody caught ends the process'));
    expect(await gateway.stop()).toBe(1);
    await start();
    await others();
  });
});
