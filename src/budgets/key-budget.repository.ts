import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Micros } from '../common/index.js';
import { rows } from '../database/index.js';

/** What a key has spent and promised. Every method belongs inside the transaction of the generation that it is for (R1, R7). */
@Injectable()
export class KeyBudgetRepository {
  /** Reserves money if the key's quota allows it. One statement, so that no two requests can both take the last cent. */
  async hold(manager: EntityManager, keyId: string, micros: Micros): Promise<boolean> {
    const held = await rows(
      manager,
      `UPDATE api_keys SET held_micros = held_micros + :micros
       WHERE id = :keyId AND (token_quota_micros IS NULL OR used_micros + held_micros + :micros <= token_quota_micros)
       RETURNING id`,
      { keyId, micros },
    );
    return held.length === 1;
  }

  /** Turns a reservation into a cost; the cost of 0 gives all of it back. */
  async settle(manager: EntityManager, keyId: string, heldMicros: Micros, costMicros: Micros): Promise<void> {
    await rows(
      manager,
      'UPDATE api_keys SET held_micros = held_micros - :heldMicros, used_micros = used_micros + :costMicros WHERE id = :keyId RETURNING id',
      { keyId, heldMicros, costMicros },
    );
  }
}
