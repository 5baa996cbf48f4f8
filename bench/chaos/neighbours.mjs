// Everything beside the gateway fails for seconds, one after the other, under load: PgBouncer, the rights of the database's role, locks, the
// bucket, Redis, and the clock.
import { setTimeout as sleep } from 'node:timers/promises';
import { hold, query } from '../lib/audit.mjs';
import { clockSteps } from '../lib/clock-steps.mjs';
import { PostgresDatabases, startPgBouncer, startPostgres, startRedis, startS3, startTcpFront } from '../lib/database.mjs';
import { number, table, verdict } from '../lib/report.mjs';
import { storm, stormReport } from '../lib/storm.mjs';

const RPM_LIMIT = 100_000;
const READY_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 100;
const ROLE = 'litegen_chaos';
/** What must not be said of anything that happens here: no vendor fails, and no process dies. */
const FALSE_REASONS = /provider (plugin )?failed|the vendor .*fail|process that (sent|ran) it/i;
const EXPIRED_TOKEN = '<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>';
const SLOW_DOWN = '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

export const title = 'neighbours: what stands beside the gateway fails for seconds, one after the other, under load';

export async function run({ withCluster, isQuick, minutes }) {
  const awayMs = isQuick ? 3_000 : 10_000;
  const calmMs = minutes === undefined ? (isQuick ? 1_000 : 5_000) : (minutes * 60_000) / 15;
  const place = await Neighbours.start();
  try {
    const outcome = await storm({
      withCluster: (options, work) =>
        withCluster(
          { databases: place.databases, environment: place.clock.environment, nodeOptions: place.clock.nodeOptions, ...options },
          work,
        ),
      settings: place.settings({ leaseSeconds: isQuick ? 5 : 10, timeoutSeconds: isQuick ? 3 : 10 }),
      rpmLimit: RPM_LIMIT,
      load: { connections: 48, rate: isQuick ? 10 : 20 },
      disturb: async ({ cluster }) => {
        const troubles = [];
        for (const trouble of place.troubles(cluster)) {
          await sleep(calmMs);
          troubles.push(await observe(cluster, trouble, awayMs));
        }
        await sleep(calmMs);
        return { troubles, locks: await place.advisoryLocks(), died: cluster.replicas.filter(({ hasEnded }) => hasEnded).length };
      },
      also: async ({ cluster }) => ({ told: await storedErrors(cluster.databaseUrl) }),
    });
    return report(outcome);
  } finally {
    await place.stop();
  }
}

/** The servers, and how each of them fails. */
class Neighbours {
  static async start() {
    const place = new Neighbours();
    try {
      place.postgres = await startPostgres();
      place.server = await PostgresDatabases.open(place.postgres.url);
      await place.server.execute(`CREATE ROLE ${ROLE} LOGIN PASSWORD 'right'`);
      // A session that waits longer for a lock gives up, as many installations have it.
      await place.server.execute(`ALTER ROLE ${ROLE} SET lock_timeout = '300ms'`);
      place.pooler = await startPgBouncer(as(place.postgres.url, ROLE, 'right'), { server_login_retry: 1, default_pool_size: 30 });
      place.redis = [await startRedis(), await startRedis()];
      place.redisFront = await startTcpFront(place.redis[0].url);
      place.s3 = await startS3();
      place.clock = clockSteps();
      return place;
    } catch (error) {
      await place.stop();
      throw error;
    }
  }

  /** One database of the role's own, by way of PgBouncer. */
  get databases() {
    return {
      name: 'postgres',
      create: async () => {
        const { url, drop } = await this.server.create();
        this.databaseUrl = url;
        await this.server.execute(`ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${ROLE}`);
        return { url: this.pooler.urlOf(as(url, ROLE, 'right')), drop };
      },
    };
  }

  settings({ leaseSeconds, timeoutSeconds }) {
    return {
      engine: { lease_seconds: leaseSeconds },
      database: { timeout_seconds: timeoutSeconds },
      redis: { url: `redis://127.0.0.1:${this.redisFront.port}` },
      storage: {
        backend: 's3',
        path: 'spool',
        s3: {
          bucket_name: this.s3.bucket,
          region: 'eu-central-1',
          endpoint_url: this.s3.origin,
          access_key_id: 'test-key',
          secret_access_key: 'test-secret',
        },
      },
    };
  }

  /** Each with how it begins and ends, and what readiness must say meanwhile; `isReady`: whether it stays ready all the same. */
  troubles(cluster) {
    const { server, pooler, redis, redisFront, s3, clock } = this;
    const ofThisDatabase = (statement) => this.execute(statement);
    const endSessions = () =>
      server.execute(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${ROLE}' AND pid <> pg_backend_pid()`);
    const database = { reason: /database/i };
    const bucket = (name, fault) => ({
      name: `the bucket ${name}`,
      begin: () => s3.inject(fault, { times: Number.POSITIVE_INFINITY }),
      end: () => s3.reset(),
      reason: /file store/i,
    });
    return [
      { name: 'PgBouncer is killed', begin: () => pooler.kill(), end: () => pooler.start(), ...database },
      { name: 'PgBouncer stands still', begin: () => pooler.signal('SIGSTOP'), end: () => pooler.signal('SIGCONT'), ...database },
      { name: 'a roll-out through PgBouncer', begin: () => rollOut(cluster), end: () => undefined, isReady: true },
      {
        name: 'the role loses its rights',
        begin: () => ofThisDatabase(`REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${ROLE}`),
        end: () => ofThisDatabase(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${ROLE}`),
        ...database,
      },
      {
        name: 'the role has another password',
        begin: async () => {
          await server.execute(`ALTER ROLE ${ROLE} PASSWORD 'other'`);
          await endSessions();
        },
        end: () => server.execute(`ALTER ROLE ${ROLE} PASSWORD 'right'`),
        ...database,
      },
      { name: 'tables are locked', begin: () => this.lockTables(), end: () => this.unlockTables(), isReady: true },
      bucket('asks to slow down', { kind: 'status', status: 503, body: SLOW_DOWN }),
      bucket('refuses an expired token', { kind: 'status', status: 400, body: EXPIRED_TOKEN }),
      bucket('breaks connections', { kind: 'refuse' }),
      {
        name: 'Redis fails over, and keeps its connections',
        begin: async () => {
          await redis[0].follow(redis[1]);
          redisFront.leadTo(redis[0].url);
        },
        end: () => redisFront.leadTo(redis[1].url),
        reason: /Redis is a replica/,
        isReady: true,
      },
      {
        name: 'Redis is full',
        begin: () => redis[1].command('CONFIG', 'SET', 'maxmemory', '1'),
        end: () => redis[1].command('CONFIG', 'SET', 'maxmemory', '0'),
        reason: /Redis is full/,
        isReady: true,
      },
      { name: 'the clocks step 1,000 s forward', begin: () => clock.step(1_000), end: () => undefined, isReady: true },
      { name: 'the clocks step two hours back', begin: () => clock.step(-7_200), end: () => undefined, isReady: true },
    ];
  }

  async execute(statement) {
    await query(this.databaseUrl, statement);
  }

  async lockTables() {
    this.lock = await hold(this.databaseUrl, 'LOCK TABLE generations, attempts IN ACCESS EXCLUSIVE MODE');
  }

  async unlockTables() {
    await this.lock.end();
  }

  async advisoryLocks() {
    const [{ count }] = await query(this.databaseUrl, `SELECT COUNT(*) AS count FROM pg_locks WHERE locktype = 'advisory'`);
    return count;
  }

  async stop() {
    this.clock?.remove();
    await this.s3?.close();
    this.redisFront?.close();
    for (const redis of this.redis ?? []) await redis.kill();
    this.pooler?.signal('SIGCONT');
    await this.pooler?.stop();
    await this.postgres?.stop();
  }
}

/** Watches every replica's readiness while something is wrong, and until nothing is any more. */
async function observe(cluster, { name, begin, end, reason, isReady = false }, awayMs) {
  const seen = new Set();
  let refused = 0;
  const beganMs = performance.now();
  const begun = Promise.resolve(begin());
  let isBegun = false;
  begun.then(
    () => (isBegun = true),
    () => (isBegun = true),
  );
  while (performance.now() - beganMs < awayMs || !isBegun) {
    for (const { isReady: ready, reasons } of await readiness(cluster)) {
      if (!ready) refused += 1;
      for (const text of reasons) seen.add(text);
    }
    await sleep(LOOK_EVERY_MS);
  }
  await begun;
  await end();
  const endedMs = performance.now();
  let recoveryMs = Number.POSITIVE_INFINITY;
  while (performance.now() - endedMs < READY_TIMEOUT_MS) {
    if ((await readiness(cluster)).every(({ isReady: ready, reasons }) => ready && reasons.length === 0)) {
      recoveryMs = performance.now() - endedMs;
      break;
    }
    await sleep(LOOK_EVERY_MS);
  }
  const isTold = reason === undefined || [...seen].some((text) => reason.test(text));
  return { name, seen: [...seen], isTold, wasRight: isReady ? true : refused > 0, recoveryMs };
}

async function readiness(cluster) {
  return Promise.all(
    cluster.replicas
      .filter(({ hasEnded }) => !hasEnded)
      .map(async (replica) => {
        try {
          const { statusCode, text } = await replica.request('GET', '/health/ready');
          return { isReady: statusCode === 200, reasons: JSON.parse(text).reasons };
        } catch {
          // One that is just being restarted.
          return { isReady: true, reasons: [] };
        }
      }),
  );
}

async function rollOut(cluster) {
  for (const index of cluster.replicas.keys()) {
    await cluster.replicas[index].stop();
    await cluster.replace(index);
  }
}

/** What was told of generations and attempts that failed. */
function storedErrors(databaseUrl) {
  return query(
    databaseUrl,
    `SELECT error_code AS code, error_message AS message FROM generations WHERE error_code IS NOT NULL
     UNION ALL SELECT error_code, error_message FROM attempts WHERE error_code IS NOT NULL`,
  );
}

function as(url, user, password) {
  const changed = new URL(url);
  changed.username = user;
  changed.password = password;
  return changed.href;
}

function report(outcome) {
  const { observed, facts, also } = outcome;
  const { text, verdicts } = stormReport(outcome);
  const rows = observed.troubles.map(({ name, seen, recoveryMs }) => ({
    trouble: name,
    'readiness said': seen.join(' ') || '–',
    'well again after s': number(recoveryMs / 1000, 1),
  }));
  const falsely = also.told.filter(({ message }) => FALSE_REASONS.test(message ?? ''));
  const none = (what, value) => verdict(what, value, '=', 0, '', 0);
  const names = (items) => (items.length === 0 ? '' : ` (${items.map(({ name }) => name).join('; ')})`);
  const untold = observed.troubles.filter(({ isTold }) => !isTold);
  const unheeded = observed.troubles.filter(({ wasRight }) => !wasRight);
  const unwell = observed.troubles.filter(({ recoveryMs }) => !Number.isFinite(recoveryMs));
  return {
    text: [table(Object.keys(rows[0]), rows), ...text, ...new Set(also.told.map(({ code, message }) => `stored: ${code}: ${message}`))],
    verdicts: [
      ...verdicts,
      verdict('delivered by the vendor, against completed', facts.vendorJobs, '=', facts.completed, '', 0),
      none('unknown outcomes (no process died)', facts.unknownOutcomes),
      none('false reasons in stored errors', falsely.length),
      none(`troubles that readiness did not name${names(untold)}`, untold.length),
      none(`troubles during which it stayed ready${names(unheeded)}`, unheeded.length),
      none(`troubles after which it did not become ready again${names(unwell)}`, unwell.length),
      none('advisory locks left behind in sessions of PgBouncer', observed.locks),
      none('replicas that died', observed.died),
    ],
    figures: { observed, facts },
  };
}
