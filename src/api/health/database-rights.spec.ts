import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type TestApplication, testApplication } from '../../../test/support/application.js';
import { postgresDatabase } from '../../../test/support/databases.js';

const ROLE = `litegen_rights_${randomBytes(4).toString('hex')}`;

describe('a role that loses its rights', () => {
  const { url } = postgresDatabase();
  let admin: pg.Client;
  let gateway: TestApplication;

  beforeAll(async () => {
    // Not by way of a pooler, which may have a role of its own.
    const own = new URL(inject('postgres').url);
    own.pathname = new URL(url).pathname;
    admin = new pg.Client({ connectionString: own.href });
    await admin.connect();
    await admin.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD 'right'`);
    await admin.query(`ALTER DATABASE ${own.pathname.slice(1)} OWNER TO ${ROLE}`);
    own.username = ROLE;
    own.password = 'right';
    gateway = await testApplication(own.href);
  });
  afterAll(async () => {
    await gateway.close();
    await admin.query(`DROP OWNED BY ${ROLE}`);
    await admin.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO CURRENT_USER`);
    await admin.query(`DROP ROLE ${ROLE}`);
    await admin.end();
  });

  const ready = async () => {
    const answer = await gateway.app.inject({ url: '/health/ready' });
    return { ...answer.json<{ checks: { db: boolean }; reasons: string[] }>(), status: answer.statusCode };
  };

  it.each(['SELECT', 'INSERT', 'UPDATE'])('makes the process not ready while it may not %s', async (right) => {
    expect(await ready()).toMatchObject({ status: 200, checks: { db: true }, reasons: [] });
    await admin.query(`REVOKE ${right} ON generations FROM ${ROLE}`);
    expect(await ready()).toMatchObject({ status: 503, checks: { db: false }, reasons: ['The database cannot be used.'] });
    expect(gateway.lines.join()).toContain('The role may not read and write generations');
    await admin.query(`GRANT ${right} ON generations TO ${ROLE}`);
    expect(await ready()).toMatchObject({ status: 200, checks: { db: true }, reasons: [] });
  });
});
