import type { MigrationInterface, QueryRunner } from 'typeorm';

const DEFAULT_ORGANIZATION = '00000000-0000-0000-0000-000000000001';
const DEFAULT_APPLICATION = '00000000-0000-0000-0000-000000000002';

/** Statements that SQLite and Postgres both understand. Times are epoch milliseconds, money is micro-USD, JSON is text. */
const UP: readonly string[] = [
  `CREATE TABLE instance_secrets (
    name TEXT PRIMARY KEY, value TEXT NOT NULL, sealed BOOLEAN NOT NULL, created_at BIGINT NOT NULL)`,

  `CREATE TABLE organizations (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, plan TEXT NOT NULL DEFAULT 'free',
    status TEXT NOT NULL DEFAULT 'active', created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)`,

  `CREATE TABLE applications (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL REFERENCES organizations(id), name TEXT NOT NULL, slug TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'active', created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, UNIQUE (org_id, slug))`,

  `CREATE TABLE api_keys (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL REFERENCES organizations(id), app_id TEXT NOT NULL REFERENCES applications(id),
    owner_user_id TEXT, name TEXT NOT NULL, public_id TEXT NOT NULL UNIQUE, key_hash TEXT NOT NULL UNIQUE, key_prefix TEXT NOT NULL,
    previous_key_hash TEXT UNIQUE, previous_expires_at BIGINT, scopes TEXT NOT NULL, allowed_models TEXT,
    rpm_limit INTEGER, webhook_url TEXT, is_active BOOLEAN NOT NULL, expires_at BIGINT, last_used_at BIGINT,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)`,
  'CREATE INDEX api_keys_by_tenant ON api_keys (org_id, app_id, created_at)',

  `CREATE TABLE generations (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT NOT NULL, key_id TEXT, end_user TEXT,
    operation TEXT NOT NULL, media_type TEXT NOT NULL, model TEXT NOT NULL, requested_model TEXT NOT NULL, provider TEXT NOT NULL,
    status TEXT NOT NULL, progress INTEGER NOT NULL DEFAULT 0, request TEXT NOT NULL, receipt TEXT NOT NULL, quote TEXT NOT NULL,
    metadata TEXT, hold_micros BIGINT NOT NULL, hold_state TEXT NOT NULL, cost_micros BIGINT, cost_source TEXT, usage TEXT,
    error_code TEXT, error_message TEXT, error_details TEXT,
    attempt_count INTEGER NOT NULL DEFAULT 0, attempt_id TEXT, lease_owner TEXT, lease_token BIGINT NOT NULL DEFAULT 0,
    next_run_at BIGINT, due_at BIGINT, poll_count INTEGER NOT NULL DEFAULT 0, deadline_at BIGINT NOT NULL,
    cancel_requested_at BIGINT, fingerprint TEXT, client_gone_at BIGINT, request_id TEXT, trace_parent TEXT,
    created_at BIGINT NOT NULL, started_at BIGINT, completed_at BIGINT, updated_at BIGINT NOT NULL, deleted_at BIGINT)`,
  'CREATE INDEX generations_by_tenant ON generations (org_id, app_id, created_at, id)',
  'CREATE INDEX generations_by_key ON generations (key_id, created_at)',
  'CREATE INDEX generations_due ON generations (next_run_at) WHERE next_run_at IS NOT NULL',
  'CREATE INDEX generations_by_fingerprint ON generations (org_id, app_id, fingerprint, created_at)',
  'CREATE INDEX generations_by_model ON generations (org_id, app_id, model, created_at)',

  `CREATE TABLE idempotency_keys (
    org_id TEXT NOT NULL, app_id TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
    generation_id TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (org_id, app_id, idempotency_key))`,
  'CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at)',

  `CREATE TABLE attempts (
    id TEXT PRIMARY KEY, generation_id TEXT NOT NULL REFERENCES generations(id), org_id TEXT NOT NULL, app_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, operation TEXT, result TEXT,
    vendor_job_id TEXT, vendor_request_id TEXT, callback_token TEXT UNIQUE, charged TEXT, error_code TEXT, error_message TEXT,
    vendor_code TEXT, vendor_status INTEGER, warnings TEXT,
    created_at BIGINT NOT NULL, accepted_at BIGINT, finished_at BIGINT, UNIQUE (generation_id, ordinal))`,

  `CREATE TABLE assets (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT NOT NULL, generation_id TEXT NOT NULL REFERENCES generations(id),
    direction TEXT NOT NULL, position INTEGER NOT NULL, role TEXT, sha256 TEXT NOT NULL, content_type TEXT NOT NULL,
    bytes BIGINT NOT NULL, width INTEGER, height INTEGER, duration_ms BIGINT, revised_prompt TEXT, source_url TEXT,
    created_at BIGINT NOT NULL, UNIQUE (generation_id, direction, position))`,
  'CREATE INDEX assets_by_hash ON assets (sha256)',
];

const TABLES = ['assets', 'attempts', 'idempotency_keys', 'generations', 'api_keys', 'applications', 'organizations', 'instance_secrets'];

export class Initial1763683200000 implements MigrationInterface {
  readonly name = 'Initial1763683200000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
    const now = Date.now();
    await runner.query(
      `INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES ('${DEFAULT_ORGANIZATION}', 'Default', 'default', ${now}, ${now})`,
    );
    await runner.query(
      `INSERT INTO applications (id, org_id, name, slug, created_at, updated_at)
       VALUES ('${DEFAULT_APPLICATION}', '${DEFAULT_ORGANIZATION}', 'Default', 'default', ${now}, ${now})`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.query(`DROP TABLE ${table}`);
  }
}
