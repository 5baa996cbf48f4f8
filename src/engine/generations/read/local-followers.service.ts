import { Injectable } from '@nestjs/common';
import type { GenerationEntity } from '../model/generation.entity.js';

/** The generations for whose end a caller of this process waits while they follow another: they can end with it, without being taken up first. */
@Injectable()
export class LocalFollowers {
  private readonly byLeader = new Map<string, Map<string, GenerationEntity>>();

  join(leaderId: string, follower: GenerationEntity): void {
    const known = this.byLeader.get(leaderId) ?? new Map<string, GenerationEntity>();
    this.byLeader.set(leaderId, known.set(follower.id, follower));
  }

  /** It has ended, or its caller waits no longer. */
  leave(leaderId: string, followerId: string): void {
    const known = this.byLeader.get(leaderId);
    known?.delete(followerId);
    if (known?.size === 0) this.byLeader.delete(leaderId);
  }

  of(leaderId: string): readonly GenerationEntity[] {
    return [...(this.byLeader.get(leaderId)?.values() ?? [])];
  }

  has(leaderId: string): boolean {
    return this.byLeader.has(leaderId);
  }
}
