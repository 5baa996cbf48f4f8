import type { MigrationInterface, QueryRunner } from 'typeorm';

const OLD = 'content_policy_violation';
const NEW = 'moderation_blocked';

/**
 * Refusals of a vendor's filter carry the code that OpenAI's clients know. Events that are yet to be sent carry it too; the ledger is
 * append-only, and keeps the reason that it noted.
 */
export class ModerationBlocked1763820000000 implements MigrationInterface {
  readonly name = 'ModerationBlocked1763820000000';

  up(runner: QueryRunner): Promise<void> {
    return rename(runner, OLD, NEW);
  }

  down(runner: QueryRunner): Promise<void> {
    return rename(runner, NEW, OLD);
  }
}

async function rename(runner: QueryRunner, from: string, to: string): Promise<void> {
  for (const table of ['generations', 'attempts']) {
    await runner.query(`UPDATE ${table} SET error_code = '${to}' WHERE error_code = '${from}'`);
  }
  // Only as the event's own error: a vendor's code under `provider_error` stays what the vendor wrote.
  const inBody = (code: string): string => `"type":"invalid_request_error","code":"${code}","param":`;
  await runner.query(
    `UPDATE webhook_messages SET body = REPLACE(body, '${inBody(from)}', '${inBody(to)}') WHERE body LIKE '%${inBody(from)}%'`,
  );
}
