export interface ReferenceFetchOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export interface FetchedReference {
  /** Leaving the iteration early closes the connection. Errors of reading are those of {@link ReferenceFetcher.fetch}. */
  readonly body: AsyncIterable<Uint8Array>;
  /** As the server claims. */
  readonly contentType?: string;
}

/** Fetches what a caller named by URL. */
export abstract class ReferenceFetcher {
  /** @throws ApiError `url_blocked`, `reference_fetch_failed`, `reference_too_large`; the signal's reason once it is aborted. */
  abstract fetch(url: string, options: ReferenceFetchOptions): Promise<FetchedReference>;
}
