import type { GenerationStatus } from './generation.types.js';

/** The statuses of LiteGen's contract, which callers see. */
export const PUBLIC_STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
export type PublicStatus = (typeof PUBLIC_STATUSES)[number];

export const STATUSES_BY_PUBLIC: Readonly<Record<PublicStatus, readonly GenerationStatus[]>> = {
  pending: ['queued'],
  processing: ['dispatching', 'running', 'ingesting'],
  completed: ['completed'],
  failed: ['failed'],
  cancelled: ['cancelled'],
};

const PUBLIC_BY_STATUS = Object.fromEntries(
  PUBLIC_STATUSES.flatMap((status) => STATUSES_BY_PUBLIC[status].map((own) => [own, status])),
) as Readonly<Record<GenerationStatus, PublicStatus>>;

/** The engine's steps as callers see them. */
export function publicStatus(status: GenerationStatus): PublicStatus {
  return PUBLIC_BY_STATUS[status];
}
