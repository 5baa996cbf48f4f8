import { lifecycleHeaders } from '../catalog/index.js';
import { appliedPreferences, formatUsd, type Preferences } from '../common/index.js';
import type { Created, GenerationRecord, Planned } from '../generations/index.js';
import { publicCostSource } from './usage.js';

/** Headers that tell about a generation, for clients that drop fields which they do not know. */
export function generationHeaders({ generation }: Pick<GenerationRecord, 'generation'>): Record<string, string> {
  return {
    'x-litegen-generation-id': generation.id,
    'x-litegen-cost': formatUsd(generation.costMicros ?? generation.quote.amountMicros),
    'x-litegen-cost-source': publicCostSource(generation.costSource),
    'x-litegen-model': headerText(generation.model),
    'x-litegen-provider': generation.provider,
  };
}

/** Headers of the answer that creates a generation, or finds the one that it repeats. */
export function createdHeaders(created: Created, now: Date, preferences?: Preferences): Record<string, string> {
  return {
    ...generationHeaders(created),
    ...cacheHeaders(created),
    ...(created.remainingMicros === null ? {} : { 'x-litegen-budget-remaining': formatUsd(created.remainingMicros) }),
    ...planHeaders(created.planned, now, preferences),
    ...(created.isReplayed ? { 'idempotent-replayed': 'true' } : {}),
  };
}

/** What the cache did; nothing when nobody asked for it. */
function cacheHeaders({ cache }: Created): Record<string, string> {
  if (cache === undefined) return {};
  const { status, ageMs } = cache;
  return { 'x-litegen-cache': status, ...(ageMs === undefined ? {} : { age: String(Math.floor(ageMs / 1000)) }) };
}

/** Headers of the answer to a request: what was dropped, which preference was heeded, and when the model ends. */
export function planHeaders({ model, plan }: Planned, now: Date, preferences?: Preferences): Record<string, string> {
  const applied = preferences === undefined ? undefined : appliedPreferences(preferences);
  return {
    ...lifecycleHeaders(model, now),
    ...(plan.droppedParams.length === 0 ? {} : { 'x-litegen-dropped-params': plan.droppedParams.join(',') }),
    ...(applied === undefined ? {} : { 'preference-applied': applied }),
  };
}

/** Operators may name models as they like; a header may not hold everything. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}
