import type { MigrationInterface, QueryRunner } from 'typeorm';

const ACTIVE = `status IN ('queued', 'dispatching', 'running', 'ingesting')`;
const OPEN = `state IN ('queued', 'sent', 'accepted', 'fetching')`;

/** 32 hexadecimal digits that nobody can guess, as in other ids. */
function randomHex(runner: QueryRunner): string {
  return runner.connection.options.type === 'postgres' ? `REPLACE(CAST(gen_random_uuid() AS TEXT), '-', '')` : 'LOWER(HEX(RANDOMBLOB(16)))';
}

const MOVED: readonly string[] = ['attempt_id', 'lease_owner', 'lease_token', 'next_run_at', 'due_at', 'poll_count', 'waits_for'];

/**
 * A generation may have several attempts at once, so what says who works on one, and when it is due, moves to the attempts. From now on an
 * attempt exists from admission, and waits until its turn comes.
 */
export class AttemptLeases1763850000000 implements MigrationInterface {
  readonly name = 'AttemptLeases1763850000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'ALTER TABLE attempts ADD COLUMN lease_owner TEXT',
      'ALTER TABLE attempts ADD COLUMN lease_token BIGINT NOT NULL DEFAULT 0',
      'ALTER TABLE attempts ADD COLUMN next_run_at BIGINT',
      'ALTER TABLE attempts ADD COLUMN due_at BIGINT',
      'ALTER TABLE attempts ADD COLUMN poll_count INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE attempts ADD COLUMN waits_for TEXT',
      'ALTER TABLE attempts ADD COLUMN sent_at BIGINT',
      'ALTER TABLE attempts ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0',
      'UPDATE attempts SET sent_at = created_at, updated_at = COALESCE(finished_at, accepted_at, created_at)',
      `UPDATE attempts SET lease_owner = g.lease_owner, lease_token = g.lease_token, next_run_at = g.next_run_at, due_at = g.due_at,
         poll_count = g.poll_count, updated_at = g.updated_at, state = CASE WHEN g.status = 'ingesting' THEN 'fetching' ELSE state END
       FROM generations g WHERE g.attempt_id = attempts.id AND g.${ACTIVE} AND g.status <> 'queued' AND ${OPEN}`,
      `INSERT INTO attempts (id, generation_id, org_id, app_id, ordinal, provider, model, state, lease_owner, lease_token, next_run_at, due_at,
         poll_count, waits_for, created_at, updated_at)
       SELECT 'attempt-' || ${randomHex(runner)}, id, org_id, app_id, attempt_count + 1, provider, model, 'queued', lease_owner, lease_token,
         next_run_at, due_at, 0, waits_for, created_at, updated_at
       FROM generations WHERE status = 'queued'`,
      'DROP INDEX generations_due',
      'DROP INDEX generations_waiting',
      'DROP INDEX generations_following',
      'DROP INDEX generations_with_webhook',
      ...MOVED.map((column) => `ALTER TABLE generations DROP COLUMN ${column}`),
      `CREATE INDEX generations_following ON generations (cached_from) WHERE cached_from IS NOT NULL AND status = 'queued'`,
      `CREATE INDEX generations_with_webhook ON generations (org_id, app_id) WHERE webhook_events IS NOT NULL AND ${ACTIVE}`,
      'CREATE INDEX attempts_due ON attempts (provider, state, next_run_at) WHERE next_run_at IS NOT NULL',
      `CREATE INDEX attempts_waiting ON attempts (waits_for, created_at, id) WHERE state = 'queued' AND waits_for IS NOT NULL`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'DROP INDEX attempts_waiting',
      'DROP INDEX attempts_due',
      'DROP INDEX generations_with_webhook',
      'DROP INDEX generations_following',
      'ALTER TABLE generations ADD COLUMN attempt_id TEXT',
      'ALTER TABLE generations ADD COLUMN lease_owner TEXT',
      'ALTER TABLE generations ADD COLUMN lease_token BIGINT NOT NULL DEFAULT 0',
      'ALTER TABLE generations ADD COLUMN next_run_at BIGINT',
      'ALTER TABLE generations ADD COLUMN due_at BIGINT',
      'ALTER TABLE generations ADD COLUMN poll_count INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE generations ADD COLUMN waits_for TEXT',
      `UPDATE generations SET attempt_id = (SELECT id FROM attempts a WHERE a.generation_id = generations.id AND a.sent_at IS NOT NULL
         ORDER BY a.ordinal DESC LIMIT 1)`,
      `UPDATE generations SET lease_owner = a.lease_owner, lease_token = a.lease_token, next_run_at = a.next_run_at, due_at = a.due_at,
         poll_count = a.poll_count, waits_for = a.waits_for
       FROM attempts a WHERE a.generation_id = generations.id AND ${ACTIVE} AND a.${OPEN} AND a.ordinal = (
         SELECT MAX(b.ordinal) FROM attempts b WHERE b.generation_id = generations.id AND b.${OPEN})`,
      `DELETE FROM attempts WHERE sent_at IS NULL`,
      `UPDATE attempts SET state = CASE WHEN accepted_at IS NULL THEN 'sent' ELSE 'accepted' END WHERE state = 'fetching'`,
      ...['updated_at', 'sent_at', 'waits_for', 'poll_count', 'due_at', 'next_run_at', 'lease_token', 'lease_owner'].map(
        (column) => `ALTER TABLE attempts DROP COLUMN ${column}`,
      ),
      'CREATE INDEX generations_due ON generations (provider, status, next_run_at) WHERE next_run_at IS NOT NULL',
      `CREATE INDEX generations_waiting ON generations (waits_for, created_at, id) WHERE status = 'queued' AND waits_for IS NOT NULL`,
      'CREATE INDEX generations_with_webhook ON generations (org_id, app_id) WHERE webhook_events IS NOT NULL AND next_run_at IS NOT NULL',
      'CREATE INDEX generations_following ON generations (cached_from) WHERE cached_from IS NOT NULL AND next_run_at IS NOT NULL',
    ])
      await runner.query(statement);
  }
}
