import { lifecycleHeaders } from '../../domain/catalog/index.js';
import { type Candidate, type Created, generationHeaders } from '../../engine/generations/index.js';
import { appliedPreferences, type Preferences } from '../../platform/common/index.js';

/** Headers of the answer that creates a generation, or finds the one that it repeats. */
export function createdHeaders(created: Created, now: Date, preferences?: Preferences): Record<string, string> {
  return {
    ...generationHeaders(created, created.remainingMicros),
    ...cacheHeaders(created),
    ...planHeaders(created.candidate, now, preferences),
    ...(created.isReplayed ? { 'idempotent-replayed': 'true' } : {}),
  };
}

/** What the cache did; nothing when nobody asked for it. */
function cacheHeaders({ cache }: Created): Record<string, string> {
  if (cache === undefined) return {};
  const { status, ageMs } = cache;
  return { 'x-litegen-cache': status, ...(ageMs === undefined ? {} : { age: String(Math.floor(ageMs / 1000)) }) };
}

/** Headers of the answer to a request: what was dropped, which preference was heeded, and when the model that was named ends or ended. */
export function planHeaders({ model, retired, plan }: Candidate, now: Date, preferences?: Preferences): Record<string, string> {
  const applied = preferences === undefined ? undefined : appliedPreferences(preferences);
  return {
    ...(retired === undefined ? lifecycleHeaders(model, now) : lifecycleHeaders(retired, now, model)),
    ...(plan.droppedParams.length === 0 ? {} : { 'x-litegen-dropped-params': plan.droppedParams.join(',') }),
    ...(applied === undefined ? {} : { 'preference-applied': applied }),
  };
}
