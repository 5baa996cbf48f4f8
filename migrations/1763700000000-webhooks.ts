import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The outbox of events. A message holds the bytes that are sent, a delivery is a message on its way to one endpoint. */
const UP: readonly string[] = [
  `CREATE TABLE webhook_endpoints (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT NOT NULL, kind TEXT NOT NULL, key_id TEXT REFERENCES api_keys(id),
    url TEXT NOT NULL, description TEXT, event_types TEXT NOT NULL, allow_request_urls BOOLEAN NOT NULL,
    algorithm TEXT NOT NULL, secret TEXT NOT NULL, public_key TEXT,
    previous_algorithm TEXT, previous_secret TEXT, previous_public_key TEXT, previous_expires_at BIGINT,
    disabled_at BIGINT, disabled_reason TEXT, consecutive_failures INTEGER NOT NULL DEFAULT 0,
    failing_since BIGINT, last_failure_at BIGINT, paused_until BIGINT,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, deleted_at BIGINT)`,
  'CREATE INDEX webhook_endpoints_by_tenant ON webhook_endpoints (org_id, app_id, created_at)',
  `CREATE UNIQUE INDEX webhook_endpoints_of_key_url ON webhook_endpoints (key_id) WHERE kind = 'key_url'`,

  `CREATE TABLE webhook_messages (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT NOT NULL, type TEXT NOT NULL, generation_id TEXT, key_id TEXT,
    progress INTEGER, body TEXT NOT NULL, created_at BIGINT NOT NULL)`,
  'CREATE INDEX webhook_messages_by_age ON webhook_messages (created_at)',
  'CREATE UNIQUE INDEX webhook_messages_once ON webhook_messages (generation_id, type, progress)',

  `CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY, message_id TEXT NOT NULL REFERENCES webhook_messages(id) ON DELETE CASCADE,
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints(id), org_id TEXT NOT NULL, app_id TEXT NOT NULL, url TEXT,
    state TEXT NOT NULL, attempt_count INTEGER NOT NULL DEFAULT 0, retry_step INTEGER NOT NULL DEFAULT 0, next_attempt_at BIGINT,
    lease_owner TEXT, lease_token BIGINT NOT NULL DEFAULT 0, last_status INTEGER, last_error TEXT,
    created_at BIGINT NOT NULL, delivered_at BIGINT, updated_at BIGINT NOT NULL, UNIQUE (message_id, endpoint_id))`,
  'CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL',
  'CREATE INDEX webhook_deliveries_log ON webhook_deliveries (endpoint_id, created_at, id)',

  `CREATE TABLE webhook_attempts (
    id TEXT PRIMARY KEY, delivery_id TEXT NOT NULL REFERENCES webhook_deliveries(id) ON DELETE CASCADE,
    org_id TEXT NOT NULL, app_id TEXT NOT NULL, ordinal INTEGER NOT NULL, url TEXT NOT NULL, status INTEGER, success BOOLEAN NOT NULL,
    response_snippet TEXT, error TEXT, duration_ms INTEGER NOT NULL, created_at BIGINT NOT NULL)`,
  'CREATE INDEX webhook_attempts_of_delivery ON webhook_attempts (delivery_id, ordinal)',
  'CREATE INDEX webhook_attempts_by_tenant ON webhook_attempts (org_id, app_id, created_at)',
];

const TABLES = ['webhook_attempts', 'webhook_deliveries', 'webhook_messages', 'webhook_endpoints'];

export class Webhooks1763700000000 implements MigrationInterface {
  readonly name = 'Webhooks1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.query(`DROP TABLE ${table}`);
  }
}
