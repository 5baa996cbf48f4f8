import { Injectable } from '@nestjs/common';
import { randomHex } from '../../../platform/common/index.js';
import { Database, rows } from '../../../platform/database/index.js';
import { IS_ACTIVE } from '../store/status-conditions.js';

/** What the database knows about files that nothing may refer to. */
@Injectable()
export class FileSweepRepository {
  constructor(private readonly database: Database) {}

  /**
   * Whether it is time, for one process of all. The first time ever it always is.
   * @returns the name of this installation in its store; null: not yet, or another process was faster
   */
  async claim(nowMs: number, intervalMs: number): Promise<string | null> {
    const known = await rows<{ dueAt: number }>(this.database.manager, 'SELECT due_at AS "dueAt" FROM storage_sweeps');
    if (known[0] !== undefined && known[0].dueAt > nowMs) return null;
    return this.database.transaction(async (manager) => {
      await rows(
        manager,
        'INSERT INTO storage_sweeps (installation, only_row, due_at) VALUES (:installation, 1, :nowMs) ON CONFLICT DO NOTHING RETURNING installation',
        { installation: randomHex(), nowMs },
      );
      const [claimed] = await rows<{ installation: string }>(
        manager,
        'UPDATE storage_sweeps SET due_at = :nextMs WHERE due_at <= :nowMs RETURNING installation',
        { nowMs, nextMs: nowMs + intervalMs },
      );
      return claimed?.installation ?? null;
    });
  }

  /** Which of these files any row refers to. */
  async referencedAmong(digests: readonly string[]): Promise<ReadonlySet<string>> {
    if (digests.length === 0) return new Set();
    const found = await rows<{ sha256: string }>(this.database.manager, 'SELECT DISTINCT sha256 FROM assets WHERE sha256 IN (:digests)', {
      digests,
    });
    return new Set(found.map(({ sha256 }) => sha256));
  }

  /** When the oldest request that has not ended came; what was stored for it may be known to nobody but the process that works on it. */
  async oldestUnderWayMs(): Promise<number | null> {
    const [row] = await rows<{ oldest: number | null }>(
      this.database.manager,
      `SELECT MIN(created_at) AS oldest FROM generations WHERE ${IS_ACTIVE}`,
    );
    return row?.oldest ?? null;
  }
}
