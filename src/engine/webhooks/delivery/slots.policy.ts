import type { DueEndpoint } from './deliveries.repository.js';

export interface SlotSettings {
  /** Deliveries of one endpoint at a time. */
  readonly endpoint_concurrency: number;
  /** Deliveries of this process at a time. */
  readonly max_concurrent_deliveries: number;
  readonly breaker_failures: number;
}

/**
 * Deliveries that are leased for each one that may be under way. The next is at hand when one ends, so that a busy database or event loop
 * does not decide how many a receiver gets.
 */
export const LEASED_PER_SLOT = 5;

/** Deliveries of which this process has the lease, by endpoint. */
export type Leased = ReadonlyMap<string, { readonly count: number; readonly failing: boolean }>;

export interface Slots {
  readonly endpointId: string;
  readonly limit: number;
  /** Whether the endpoint's breaker is open: the one attempt that tries it has to be asked for. */
  readonly probe: boolean;
}

/**
 * Who may have how much leased now. An endpoint that fails has one attempt at a time, and all of them together never fill more than half of
 * the process, so that receivers which only eat time leave room for those that work.
 */
export function grantSlots(settings: SlotSettings, due: readonly DueEndpoint[], leased: Leased): Slots[] {
  const running = [...leased.values()];
  let room = settings.max_concurrent_deliveries * LEASED_PER_SLOT - running.reduce((sum, { count }) => sum + count, 0);
  let failingRoom = Math.floor(settings.max_concurrent_deliveries / 2) - running.filter(({ failing }) => failing).length;
  const granted: Slots[] = [];
  for (const { id, consecutiveFailures } of due) {
    const failing = consecutiveFailures > 0;
    const allowed = mostLeased(settings, failing);
    const limit = Math.min(allowed - (leased.get(id)?.count ?? 0), room, failing ? failingRoom : room);
    if (limit <= 0) continue;
    granted.push({ endpointId: id, limit, probe: consecutiveFailures >= settings.breaker_failures });
    room -= limit;
    if (failing) failingRoom -= limit;
  }
  return granted;
}

function mostLeased({ endpoint_concurrency: slots }: SlotSettings, failing: boolean): number {
  return failing ? 1 : slots * LEASED_PER_SLOT;
}

/** Endpoints that can be given nothing more, so that there is no need to ask what is due for them. */
export function busyEndpoints(settings: SlotSettings, leased: Leased): string[] {
  return [...leased].flatMap(([id, { count, failing }]) => (count >= mostLeased(settings, failing) ? [id] : []));
}

/** Whether a delivery may be sent without a look at what else is due: to an endpoint that works and has room. */
export function hasSlot(settings: SlotSettings, { id, consecutiveFailures }: DueEndpoint, leased: Leased): boolean {
  const [slots] = grantSlots(settings, [{ id, consecutiveFailures }], leased);
  return slots !== undefined && consecutiveFailures === 0;
}
