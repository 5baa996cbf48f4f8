import { Injectable } from '@nestjs/common';
import type { GenerationEntity } from './generation.entity.js';

/** The generations for whose end a caller of this process waits while they follow another: they can end with it, without being taken up first. */
@Injectable()
export class FollowersHere {
  private readonly byLeader = new Map<string, Set<GenerationEntity>>();

  /** @returns how to leave, as soon as the caller waits no longer */
  join(leaderId: string, follower: GenerationEntity): () => void {
    const known = this.byLeader.get(leaderId) ?? new Set();
    this.byLeader.set(leaderId, known.add(follower));
    return () => {
      known.delete(follower);
      if (known.size === 0 && this.byLeader.get(leaderId) === known) this.byLeader.delete(leaderId);
    };
  }

  of(leaderId: string): readonly GenerationEntity[] {
    return [...(this.byLeader.get(leaderId) ?? [])];
  }
}
