// What is true after a part of the chaos: from the database, the vendor's book, and the gateway's own reconciliation.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import sqlite3 from 'sqlite3';
import { ROOT } from '../../scripts/files.mjs';
import { verdict } from './report.mjs';

const ACTIVE = `('queued', 'dispatching', 'running', 'ingesting')`;
const LOOK_EVERY_MS = 250;

// Sums and times fit a number.
pg.types.setTypeParser(20, Number);

/** One statement on a connection of its own; its rows. */
export async function query(url, text, values = []) {
  if (url.startsWith('sqlite:')) return querySqlite(url.slice('sqlite://'.length), text, values);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

async function querySqlite(path, text, values) {
  const database = new sqlite3.Database(path, sqlite3.OPEN_READWRITE);
  try {
    return await new Promise((resolve, reject) =>
      database.all(text, values, (error, rows) => (error === null ? resolve(rows) : reject(error))),
    );
  } finally {
    await new Promise((resolve) => database.close(resolve));
  }
}

/** A transaction that has done one statement and stays open, with the locks that it took, until `end`. */
export async function hold(url, text) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  await client.query(text);
  return { end: () => client.end() };
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

/** How many generations were admitted between two moments, milliseconds since 1970. */
export async function admittedBetween(url, fromMs, untilMs) {
  const [{ count }] = await query(url, 'SELECT COUNT(*) AS count FROM generations WHERE created_at BETWEEN $1 AND $2', [fromMs, untilMs]);
  return count;
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
  const balances = await query(databaseUrl, 'SELECT held_micros AS held, settled_micros AS settled FROM budget_balances');
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
    /** Of every budget. */
    balances,
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
  const child = spawn(process.execPath, [join(ROOT, 'dist/src/app/cli.js'), 'reconcile'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, LITEGEN__DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += part));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, text: text.trim() };
}

/** What must hold whatever happened to the processes. */
export function moneyVerdicts(facts) {
  const none = (what, value) => verdict(what, value, '=', 0, '', 0);
  return [
    none('accepted jobs that are lost or did not end', facts.lost + facts.generations - facts.ended),
    none('duplicate submits at the vendor', facts.duplicateSubmits),
    none('duplicate charges', facts.duplicateCharges),
    none('charged though the vendor has no job', facts.chargedForNothing),
    none('vendor has a job that is neither charged nor held', facts.boughtForNothing),
    ...facts.balances.map(({ settled }, index) =>
      verdict(`spent of budget ${index + 1} against the jobs' costs, $`, settled / 1e6, '=', facts.costMicros / 1e6, ''),
    ),
    ...facts.balances.map(({ held }, index) =>
      verdict(`held of budget ${index + 1} against unknown outcomes, $`, held / 1e6, '=', facts.unknownMicros / 1e6, ''),
    ),
    none('differences found by `litegen reconcile` (exit code)', facts.reconciliation.code),
  ];
}

/** One line about jobs and one about submits. */
export function factsText(facts) {
  const failures = Object.entries(facts.failures).map(([code, failed]) => `${failed} ${code}`);
  return [
    `${facts.generations} jobs: ${facts.completed} completed${failures.length === 0 ? '' : `, failed: ${failures.join(', ')}`}`,
    `${facts.vendorJobs} jobs at the vendor from ${facts.submits} submits, of which it recognised ${facts.recognised} as repeated; ` +
      `${facts.unknownOutcomes} outcomes unknown, whose $${facts.unknownMicros / 1e6} stay held`,
    facts.reconciliation.text,
  ];
}

/** Every job that ended was told of once or more, and nothing was told of twice under different ids. */
export function webhookFacts(messages, ended) {
  const ids = messages.map(({ generationId }) => generationId);
  return {
    missing: ended - new Set(ids).size,
    extra: ids.length - new Set(ids).size,
    repeated: messages.reduce((sum, { deliveries }) => sum + deliveries - 1, 0),
  };
}

function count(items, isCounted) {
  return items.filter(isCounted).length;
}

export function tally(items) {
  const counts = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}
