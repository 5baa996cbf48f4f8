import { Injectable } from '@nestjs/common';
import { Database, rows } from '../../../platform/database/index.js';

/** Which vendor accounts have shown that their callbacks arrive, as every replica knows it. */
@Injectable()
export class CallbackTrustRepository {
  constructor(private readonly database: Database) {}

  async all(): Promise<ReadonlyMap<string, number>> {
    const found = await rows<{ provider: string; trusted_until: number }>(
      this.database.manager,
      'SELECT provider, trusted_until FROM callback_trust',
    );
    return new Map(found.map(({ provider, trusted_until: until }) => [provider, until]));
  }

  async set(provider: string, trustedUntilMs: number): Promise<void> {
    await this.database.write((manager) =>
      rows(
        manager,
        `INSERT INTO callback_trust (provider, trusted_until) VALUES (:provider, :until)
         ON CONFLICT (provider) DO UPDATE SET trusted_until = excluded.trusted_until RETURNING provider`,
        { provider, until: trustedUntilMs },
      ),
    );
  }
}
