import type { SlotSettings } from './slots.policy.js';

interface EndpointSlots<Item> {
  /** Deliveries that are leased: under way, waiting here, or about to be written. */
  count: number;
  failing: boolean;
  sending: number;
  waiting: Item[];
}

/** Counts what this process has leased and what of it is under way, and keeps the rest in its order until there is a slot. */
export class DeliverySlots<Item> {
  private readonly endpoints = new Map<string, EndpointSlots<Item>>();
  /** Endpoints for which something waits; whoever had its turn goes to the end. */
  private readonly queue = new Set<string>();
  private sending = 0;

  constructor(private readonly settings: SlotSettings) {}

  get leased(): ReadonlyMap<string, { readonly count: number; readonly failing: boolean }> {
    return this.endpoints;
  }

  /** Counts a lease, which ends by {@link release}, by {@link leave} or by {@link clear}. */
  lease(endpointId: string, failing: boolean): void {
    const known = this.endpoints.get(endpointId);
    if (known === undefined) this.endpoints.set(endpointId, { count: 1, failing, sending: 0, waiting: [] });
    else Object.assign(known, { count: known.count + 1, failing });
  }

  /** Ends leases under which nothing was begun. */
  release(endpointId: string, count = 1): void {
    const known = this.endpoints.get(endpointId);
    if (known === undefined) return;
    known.count -= count;
    if (known.count <= 0) this.endpoints.delete(endpointId);
  }

  /** Puts a leased delivery at the end of its endpoint's line. */
  enter(endpointId: string, item: Item): void {
    this.endpoints.get(endpointId)?.waiting.push(item);
    this.queue.add(endpointId);
  }

  /** Takes a slot for what is next; undefined when nothing waits for which there is room. */
  next(): Item | undefined {
    if (this.sending >= this.settings.max_concurrent_deliveries) return undefined;
    for (const endpointId of this.queue) {
      const known = this.endpoints.get(endpointId);
      if (known !== undefined && known.sending >= this.settings.endpoint_concurrency) continue;
      this.queue.delete(endpointId);
      const item = known?.waiting.shift();
      if (known === undefined || item === undefined) continue;
      if (known.waiting.length > 0) this.queue.add(endpointId);
      known.sending += 1;
      this.sending += 1;
      return item;
    }
    return undefined;
  }

  /** Ends a slot, and the lease with it. */
  leave(endpointId: string): void {
    const known = this.endpoints.get(endpointId);
    if (known === undefined) return;
    known.sending -= 1;
    this.sending -= 1;
    this.release(endpointId);
  }

  /** Ends the leases of all that waits for an endpoint, and answers what that is. */
  clear(endpointId: string): Item[] {
    const known = this.endpoints.get(endpointId);
    if (known === undefined) return [];
    const { waiting } = known;
    known.waiting = [];
    this.queue.delete(endpointId);
    this.release(endpointId, waiting.length);
    return waiting;
  }

  /** As {@link clear}, for every endpoint. */
  clearAll(): Item[] {
    return [...this.queue].flatMap((endpointId) => this.clear(endpointId));
  }
}
