import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { vi } from 'vitest';
import { AuthService, DEFAULT_TENANT, type Tenant } from '../../src/domain/access/index.js';
import { Clock } from '../../src/platform/common/index.js';
import { Database, insertRows } from '../../src/platform/database/index.js';
import {
  BudgetDirectory,
  BudgetKeyQuotas,
  BudgetsRepository,
  LedgerRepository,
  ReconciliationRepository,
} from '../../src/policy/budgets/index.js';
import { type Settings, testApplication } from '../support/application.js';
import { Client } from '../support/client.js';

/** Of every model here, US dollars. */
export const PRICE_USD = 0.04;
const VENDOR_KEY = 'vendor-key-5f0c7a91';
const MASTER_KEY = 'the-master-key-of-this-test';

const picture = (name: string): string => `
  - id: openai-compatible/${name}
    provider: openai-compatible
    media_type: image
    display_name: ${name}
    operations: [image.generate, image.edit]
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true, image_to_image: true }
    prompt: { required: true }
    extra_allowlist: [response_format]
    params: { n: { kind: int, min: 1, max: 4 }, seed: { kind: seed }, size: { kind: size, mode: enum, values: [[512, 512], [1024, 1024]] } }
    ref_inputs: { max_total: 1, default_role: init, roles: { init: { min_count: 0, max_count: 1 } } }`;

const film = (name: string, initialSeconds: number): string => `
  - id: openai-compatible/${name}
    provider: openai-compatible
    media_type: video
    display_name: ${name}
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_video: true }
    prompt: { required: true }
    polling: { initial_seconds: ${initialSeconds}, interval_seconds: 0.1, max_interval_seconds: 0.1 }`;

const MODELS = `models: ${picture('picture')} ${picture('kept')} ${film('film', 0.1)} ${film('long-film', 1.5)}\n`;

/** A process of the gateway, in this one. */
export interface Replica {
  readonly url: string;
  readonly database: Database;
  /** Time runs on from where it is put. */
  advance(seconds: number): void;
  metrics(): Promise<string>;
  /** Before the end of the file. */
  stop(): Promise<void>;
}

export class CacheGateway {
  private constructor(
    readonly vendor: CompatibleSimulator,
    readonly replicas: readonly Replica[],
    readonly blobs: string,
    private readonly auth: AuthService,
  ) {}

  /** Replicas share the database and the files. */
  static async start(
    databaseUrl: string,
    { replicas = 1, cache = {}, ...settings }: Settings & { replicas?: number; cache?: object } = {},
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'litegen-cache-'));
    writeFileSync(join(folder, 'models.yaml'), MODELS);
    const vendor = await startCompatibleSimulator({ flavour: 'vllm-omni', apiKey: VENDOR_KEY });
    const blobs = join(folder, 'blobs');
    const started: Replica[] = [];
    let auth: AuthService | undefined;
    for (let count = 0; count < replicas; count += 1) {
      const { app, close: stop } = await testApplication(databaseUrl, {
        master_key: MASTER_KEY,
        models_directory: folder,
        storage: { path: blobs },
        providers: { 'openai-compatible': { api_base: vendor.apiBase, api_key: VENDOR_KEY, options: { dialect: 'vllm-omni' } } },
        engine: { tick_ms: 50 },
        cache: { enabled: true, models: ['*/kept'], ...cache },
        ...settings,
      });
      await app.listen(0, '127.0.0.1');
      const clock = app.get(Clock);
      const real = clock.nowMs.bind(clock);
      let shiftMs = 0;
      vi.spyOn(clock, 'nowMs').mockImplementation(() => real() + shiftMs);
      const monotonic = clock.monotonicMs.bind(clock);
      vi.spyOn(clock, 'monotonicMs').mockImplementation(() => monotonic() + shiftMs);
      const url = await app.getUrl();
      const master = new Client(url, MASTER_KEY);
      started.push({
        url,
        database: app.get(Database),
        advance: (seconds) => {
          shiftMs += seconds * 1000;
        },
        stop,
        metrics: async () => (await master.send('/metrics')).text,
      });
      auth ??= app.get(AuthService);
    }
    if (auth === undefined) throw new Error('There is no replica');
    const gateway = new CacheGateway(vendor, started, blobs, auth);
    const close = async (): Promise<void> => {
      await vendor.close();
      rmSync(folder, { recursive: true, force: true });
    };
    return { gateway, close };
  }

  /** As an operator. */
  master(replica = 0): Client {
    return new Client(this.replicas[replica]?.url ?? '', MASTER_KEY);
  }

  get database(): Database {
    const [first] = this.replicas;
    if (first === undefined) throw new Error('There is no replica');
    return first.database;
  }

  /** A key of the default application, through the API. */
  async key(fields: object = {}): Promise<{ readonly id: string; readonly key: string; client(replica?: number): Client }> {
    const { id, key } = await this.master().read<{ id: string; key: string }>('/v1/keys', {
      body: { name: 'test', scopes: 'generate,read,admin', token_quota: 100, ...fields },
    });
    return { id, key, client: (replica = 0) => new Client(this.replicas[replica]?.url ?? '', key) };
  }

  /** A key of another application, which no API makes yet. */
  async foreignClient(appId: string): Promise<Client> {
    const secret = `sk_live_${appId}`;
    const tenant: Tenant = { orgId: DEFAULT_TENANT.orgId, appId };
    const now = Date.now();
    await this.database.transaction(async (manager) => {
      await insertRows(manager, 'applications', [
        { id: appId, org_id: tenant.orgId, name: appId, slug: appId, created_at: now, updated_at: now },
      ]);
      await insertRows(manager, 'api_keys', [
        {
          id: `key-${appId}`,
          org_id: tenant.orgId,
          app_id: appId,
          name: 'k',
          public_id: `pk-${appId}`,
          key_hash: this.auth.hash(secret),
          key_prefix: 'sk',
          scopes: 'generate,read,admin',
          is_active: true,
          created_at: now,
          updated_at: now,
        },
      ]);
      const budgets = new BudgetsRepository(this.database);
      await new BudgetKeyQuotas(budgets, new BudgetDirectory(budgets, new Clock())).open(
        manager,
        { id: `key-${appId}`, ...tenant },
        null,
        now,
      );
    });
    return new Client(this.replicas[0]?.url ?? '', secret);
  }

  /** Requests for pictures and videos that reached the vendor. */
  get calls(): number {
    return this.vendor.count(/^\/v1\/(images\/(generations|edits)|videos)$/, 'POST');
  }

  /** What the ledger and the balances disagree about; nothing, or something is wrong. */
  async differences(): Promise<readonly unknown[]> {
    const reconciliation = new ReconciliationRepository(this.database, new LedgerRepository());
    return [...(await reconciliation.differences()), ...(await reconciliation.discrepancies())];
  }
}
