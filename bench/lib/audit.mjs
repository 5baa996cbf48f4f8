// What is true after a part of the chaos: from the database, the vendor's book, and the gateway's own reconciliation.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ROOT } from '../../scripts/files.mjs';

const ACTIVE = `('queued', 'dispatching', 'running', 'ingesting')`;
const LOOK_EVERY_MS = 250;

// Sums and times fit a number.
pg.types.setTypeParser(20, Number);

async function query(url, text, values = []) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Waits until nothing is under way any more, deliveries of webhooks included. Answers how long that took, or null after the limit. */
export async function untilSettled(url, timeoutMs) {
  const beganMs = performance.now();
  while (performance.now() - beganMs < timeoutMs) {
    const [{ active, due }] = await query(
      url,
      `SELECT (SELECT COUNT(*) FROM generations WHERE status IN ${ACTIVE}) AS active,
         (SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending') AS due`,
    );
    if (active === 0 && due === 0) return performance.now() - beganMs;
    await sleep(LOOK_EVERY_MS);
  }
  return null;
}

/** @param acceptedIds generations that callers were told of */
export async function audit({ databaseUrl, vendor, acceptedIds }) {
  const generations = await query(
    databaseUrl,
    'SELECT id, status, model, error_code, hold_state, hold_micros, cost_micros, attempt_count FROM generations',
  );
  const byId = new Map(generations.map((generation) => [generation.id, generation]));
  const attempts = await query(databaseUrl, 'SELECT id, generation_id, state FROM attempts');
  const [twice] = await query(
    databaseUrl,
    `SELECT COUNT(*) AS count FROM (SELECT 1 FROM ledger_entries WHERE kind = 'settle' GROUP BY generation_id, account_id HAVING COUNT(*) > 1) twice`,
  );
  const balances = await query(databaseUrl, 'SELECT SUM(held_micros) AS held, SUM(settled_micros) AS settled FROM budget_balances');
  const bought = boughtBy(attempts, vendor);
  const ended = generations.filter(({ status }) => ['completed', 'failed', 'cancelled'].includes(status));
  const charged = generations.filter(({ cost_micros: cost }) => (cost ?? 0) > 0);
  const unknown = generations.filter(({ hold_state: hold, status }) => hold === 'held' && status === 'failed');
  return {
    generations: generations.length,
    ended: ended.length,
    completed: count(generations, ({ status }) => status === 'completed'),
    failures: tally(generations.filter(({ status }) => status === 'failed').map(({ error_code: code }) => code)),
    unknownOutcomes: unknown.length,
    /** Told to a caller and not found, or not ended. */
    lost: count(acceptedIds, (id) => !ended.includes(byId.get(id))),
    submits: vendor.submits().length,
    /** The vendor recognised the key of an attempt that was sent before: nothing is billed for it. */
    recognised: count(vendor.submits(), ({ deduplicated }) => deduplicated),
    duplicateSubmits: duplicateSubmits(generations, attempts, bought, vendor),
    duplicateCharges: twice.count,
    /** Charged to a budget though the vendor never took a job. */
    chargedForNothing: count(charged, ({ id }) => !bought.has(id)),
    /** Bought at the vendor, and neither charged nor held for an operator to clear. */
    boughtForNothing: count(generations, ({ id, cost_micros: cost, hold_state: hold }) => bought.has(id) && !(cost > 0) && hold !== 'held'),
    vendorJobs: [...bought.values()].reduce((sum, jobs) => sum + jobs, 0),
    spentMicros: balances[0].settled ?? 0,
    heldMicros: balances[0].held ?? 0,
    costMicros: generations.reduce((sum, { cost_micros: cost }) => sum + (cost ?? 0), 0),
    unknownMicros: unknown.reduce((sum, { hold_micros: held }) => sum + held, 0),
    reconciliation: await reconcile(databaseUrl),
  };
}

/** How many jobs the vendor has for each generation. */
function boughtBy(attempts, vendor) {
  const bought = new Map();
  for (const { id, generation_id: generation } of attempts) {
    if (vendor.hasJob(id)) bought.set(generation, (bought.get(generation) ?? 0) + 1);
  }
  return bought;
}

/** Jobs beyond the first of a generation, and submits of one attempt beyond the first at a vendor that does not recognise them. */
function duplicateSubmits(generations, attempts, bought, vendor) {
  const models = new Map(generations.map(({ id, model }) => [id, model]));
  const blind = new Set(attempts.filter(({ generation_id: id }) => models.get(id)?.endsWith('-once')).map(({ id }) => id));
  const jobs = [...bought.values()].reduce((sum, count) => sum + count - 1, 0);
  return jobs + count(vendor.submits(), ({ key, deduplicated }) => deduplicated && blind.has(key));
}

/** `litegen reconcile`: `{code, text}`, and 0 when there is no difference. */
export async function reconcile(databaseUrl) {
  const child = spawn(process.execPath, [join(ROOT, 'dist/src/cli.js'), 'reconcile'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, LITEGEN__DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += part));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, text: text.trim() };
}

function count(items, isCounted) {
  return items.filter(isCounted).length;
}

export function tally(items) {
  const counts = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}
