import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JsonObject, Operation, VendorUsage } from '@litegen/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CatalogService, type Plan, planRequest } from '../catalog/index.js';
import { ApiError, formatUsd } from '../common/index.js';
import { CostsService } from './costs.service.js';

/**
 * Published prices as tables. Every `*.fixtures.json` of this folder names a folder of capability files, relative to itself, and requests with what
 * they cost in US dollars without markup; `error` is a refusal, `outcome` makes the case a settlement.
 */
const caseSchema = z.strictObject({
  name: z.string(),
  model: z.string(),
  /** Where the vendor publishes the price. */
  source: z.string().optional(),
  request: z
    .strictObject({
      operation: z.string().optional(),
      n: z.number().optional(),
      params: z.record(z.string(), z.json()).optional(),
      references: z.array(z.string()).optional(),
      extra: z.record(z.string(), z.json()).optional(),
    })
    .default({}),
  usd: z.string().optional(),
  exact: z.boolean().default(true),
  held_usd: z.string().optional(),
  error: z.string().optional(),
  outcome: z
    .strictObject({ outputs: z.number(), costUsd: z.string().optional(), usage: z.record(z.string(), z.number()).optional() })
    .optional(),
  /** Of a settlement. */
  settledBy: z.string().optional(),
});

const fixtureSchema = z.strictObject({ models: z.string(), cases: z.array(caseSchema).min(1) });
type Case = z.infer<typeof caseSchema>;

const costs = new CostsService({ cost_markup_percent: 0 });

function planOf(catalog: CatalogService, { model: id, request }: Case): Plan {
  const model = catalog.get(id);
  const operation = (request.operation ?? model.operations[0]) as Operation;
  const references = (request.references ?? []).map((role) => ({ role }));
  const input = {
    operation,
    prompt: 'a red boat',
    n: request.n,
    params: request.params ?? {},
    references,
    extra: request.extra,
    unknown: {},
    gateway: [],
  };
  return planRequest(model, input, { strict: true });
}

function settle(plan: Plan, outcome: NonNullable<Case['outcome']>) {
  const request = { ...plan, inputRoles: plan.references.map(({ role }) => role), extra: plan.extra as JsonObject };
  return costs.settlement(request, { ...outcome, usage: outcome.usage as VendorUsage | undefined });
}

const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.fixtures.json'));

describe.each(files)('%s', async (file) => {
  const url = new URL(file, import.meta.url);
  const fixture = fixtureSchema.parse(JSON.parse(readFileSync(url, 'utf8')));
  const catalog = await CatalogService.load({ plugins: [], operatorDirectory: fileURLToPath(new URL(fixture.models, url)) });

  it.each(fixture.cases)('$model: $name', (one) => {
    const plan = planOf(catalog, one);
    if (one.error !== undefined) {
      expect(() => costs.quote(plan)).toThrow(expect.objectContaining({ code: one.error }) as ApiError);
      return;
    }
    if (one.outcome !== undefined) {
      const { costMicros, source } = settle(plan, one.outcome);
      expect({ usd: formatUsd(costMicros), source }).toEqual({ usd: one.usd, source: one.settledBy });
      return;
    }
    const { amountMicros, exact, ceilingMicros } = costs.quote(plan);
    const expected = { usd: one.usd, exact: one.exact, held: one.held_usd ?? one.usd };
    expect({ usd: formatUsd(amountMicros), exact, held: formatUsd(ceilingMicros) }).toEqual(expected);
  });
});
