import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../../domain/access/index.js';
import { Database, GroupCommit, rows } from '../../../platform/database/index.js';

export interface RepeatedRequest extends Tenant {
  readonly keyId: string | null;
  readonly fingerprint: string;
  readonly sinceMs: number;
}

/** Finds what callers ask for again, for all requests of a moment with one statement. */
@Injectable()
export class RepeatedRequests {
  private readonly ofBrokenConnections = this.lookUps('AND client_gone_at IS NOT NULL');
  private readonly ofAll = this.lookUps('');

  constructor(private readonly database: Database) {}

  /** The caller's latest generation for the same request; with `onlyBroken`, one whose caller's connection broke. */
  latest(request: RepeatedRequest, { onlyBroken }: { readonly onlyBroken: boolean }): Promise<string | null> {
    return (onlyBroken ? this.ofBrokenConnections : this.ofAll).commit(request);
  }

  private lookUps(condition: string): GroupCommit<RepeatedRequest, string | null> {
    return new GroupCommit(async (items) => {
      const found = await rows<{ position: number | string; id: string }>(
        this.database.manager,
        `WITH :asked SELECT position, found AS id FROM (
           SELECT position, (
             SELECT id FROM generations WHERE org_id = asked.org AND app_id = asked.app AND fingerprint = asked.print
               AND created_at >= CAST(asked.since AS BIGINT) AND COALESCE(key_id, '') = COALESCE(asked.caller, '') AND deleted_at IS NULL ${condition}
             ORDER BY created_at DESC LIMIT 1) AS found
           FROM asked) looked WHERE found IS NOT NULL`,
        {
          asked: items.map(({ orgId, appId, keyId, fingerprint, sinceMs }, position) => ({
            position,
            org: orgId,
            app: appId,
            caller: keyId,
            print: fingerprint,
            since: sinceMs,
          })),
        },
      );
      const ids = new Map(found.map(({ position, id }) => [Number(position), id]));
      return items.map((_item, position) => ids.get(position) ?? null);
    });
  }
}
