export const GENERATION_EVENT_TYPES = ['generation.completed', 'generation.failed', 'generation.cancelled', 'generation.progress'] as const;
export type GenerationEventType = (typeof GENERATION_EVENT_TYPES)[number];

/** Where a request wants its own events. */
export interface RequestWebhook {
  readonly url: string;
  readonly events: readonly GenerationEventType[];
}
