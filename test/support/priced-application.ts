import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonReply } from '@litegen/plugin-sdk/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Database, rows } from '../../src/platform/database/index.js';
import { type Settings, testApplication } from './application.js';
import { pngBase64, type ScriptedSimulator, startScriptedSimulator } from './scripted-simulator.js';

const MASTER_KEY = 'the-master-key-of-this-test';
const PRICE_USD = 0.04;
/** What each picture or film here costs. */
export const PRICE_MICROS = 40_000;

const QUICK = '{ initial_seconds: 0.1, interval_seconds: 0.1, max_interval_seconds: 0.1 }';
const MODELS = `
models:
  - id: openai-compatible/picture
    provider: openai-compatible
    media_type: image
    display_name: Picture
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    params: { n: { kind: int, min: 1, max: 10 } }
  - id: openai-compatible/film
    provider: openai-compatible
    media_type: video
    display_name: Film
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_video: true }
    prompt: { required: true }
    polling: ${QUICK}
`;

/** What is true of a generation afterwards, in the database. */
export interface Written {
  readonly id: string;
  readonly status: string;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly holdState: string;
  readonly costMicros: number | null;
  readonly attempts: number;
  readonly outputs: number;
  /** Lines of the ledger that settle it, and what they come to. */
  readonly settlements: number;
  readonly settledMicros: number;
}

/** A picture that was delivered and paid once. */
export const DELIVERED = {
  status: 'completed',
  errorCode: null,
  holdState: 'settled',
  costMicros: PRICE_MICROS,
  attempts: 1,
  outputs: 1,
  settlements: 1,
  settledMicros: PRICE_MICROS,
};

export interface PricedAnswer {
  readonly statusCode: number;
  readonly headers: Record<string, unknown>;
  json(): never;
}

/** The whole application in this process in front of a played vendor with prices, and a key with a budget. */
export class PricedApplication {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly lines: readonly string[],
    readonly vendor: ScriptedSimulator,
    readonly close: () => Promise<void>,
  ) {}

  static async start(databaseUrl: string, settings: Settings = {}): Promise<PricedApplication> {
    const directory = mkdtempSync(join(tmpdir(), 'litegen-models-'));
    writeFileSync(join(directory, 'models.yaml'), MODELS);
    const vendor = await startScriptedSimulator();
    const { app, lines, close } = await testApplication(databaseUrl, {
      master_key: MASTER_KEY,
      models_directory: directory,
      providers: {
        'openai-compatible': { api_base: vendor.origin, api_key: 'vendor-key-5f0c7a91' },
        openai: { api_base: `${vendor.origin}/v1`, api_key: 'vendor-key-5f0c7a91' },
      },
      idempotency: { duplicate_guard_seconds: 0 },
      ...settings,
      engine: { tick_ms: 50, ...(settings['engine'] as object | undefined) },
    });
    const stop = async (): Promise<void> => {
      await close();
      await vendor.close();
      rmSync(directory, { recursive: true, force: true });
    };
    const started = new PricedApplication(app, lines, vendor, stop);
    const budget = await started.call('POST', '/v1/budgets', { level: 'application', limit_usd: 1000 });
    // Another application on the same database may have made it.
    if (budget.statusCode >= 300 && budget.statusCode !== 409) throw new Error(JSON.stringify(budget.json()));
    started.pictures();
    return started;
  }

  get database(): Database {
    return this.app.get(Database);
  }

  /** From now on the vendor makes pictures, each after so long. */
  pictures(afterMs = 0): void {
    this.vendor.script({
      '/v1/images/generations': async () => {
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        return jsonReply(200, { created: 1, data: [{ b64_json: pngBase64() }] });
      },
    });
  }

  call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object): Promise<PricedAnswer> {
    return this.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${MASTER_KEY}` },
      ...(payload === undefined ? {} : { payload }),
    }) as unknown as Promise<PricedAnswer>;
  }

  picture(fields: object = {}): Promise<PricedAnswer> {
    return this.call('POST', '/v1/images/generations', {
      model: 'openai-compatible/picture',
      prompt: 'a boat',
      response_format: 'b64_json',
      ...fields,
    });
  }

  /** The generation that began last. */
  async latest(): Promise<Written> {
    const [found] = await rows<Written>(
      this.database.manager,
      `SELECT g.id, g.status, g.error_code AS "errorCode", g.error_message AS "errorMessage", g.hold_state AS "holdState",
         CAST(g.cost_micros AS BIGINT) AS "costMicros",
         CAST((SELECT COUNT(*) FROM attempts a WHERE a.generation_id = g.id) AS INTEGER) AS attempts,
         CAST((SELECT COUNT(*) FROM assets o WHERE o.generation_id = g.id AND o.direction = 'output') AS INTEGER) AS outputs,
         CAST((SELECT COUNT(*) FROM ledger_entries l WHERE l.generation_id = g.id AND l.kind = 'settle') AS INTEGER) AS settlements,
         CAST((SELECT COALESCE(SUM(amount_micros), 0) FROM ledger_entries l WHERE l.generation_id = g.id AND l.kind = 'settle') AS BIGINT)
           AS "settledMicros"
       FROM generations g ORDER BY g.created_at DESC, g.id DESC LIMIT 1`,
    );
    if (found === undefined) throw new Error('Nothing was generated');
    return found;
  }

  async deferred(): Promise<string[]> {
    const found = await rows<{ step: string }>(this.database.manager, 'SELECT step FROM deferred_steps ORDER BY step');
    return found.map(({ step }) => step);
  }
}
