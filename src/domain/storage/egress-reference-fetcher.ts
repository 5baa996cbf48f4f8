import { Injectable } from '@nestjs/common';
import { ApiError } from '../../platform/common/index.js';
import { capped, EgressError, EgressService } from '../../platform/security/index.js';
import { type FetchedReference, ReferenceFetcher, type ReferenceFetchOptions } from './reference-fetcher.port.js';

const MAX_REDIRECTS = 3;
const HEADERS_TIMEOUT_MS = 20_000;
const BODY_TIMEOUT_MS = 15_000;
const TOTAL_TIMEOUT_MS = 60_000;

/** Fetches references from public addresses (and those that `egress.allow` opens). */
@Injectable()
export class EgressReferenceFetcher extends ReferenceFetcher {
  constructor(private readonly egress: EgressService) {
    super();
  }

  async fetch(url: string, { maxBytes, signal }: ReferenceFetchOptions): Promise<FetchedReference> {
    try {
      const { status, headers, body } = await this.egress.request(url, {
        policy: { kind: 'public' },
        headers: { accept: 'image/*, video/mp4;q=0.9, */*;q=0.1', 'user-agent': 'LiteGen' },
        signal,
        headersTimeoutMs: HEADERS_TIMEOUT_MS,
        bodyTimeoutMs: BODY_TIMEOUT_MS,
        totalTimeoutMs: TOTAL_TIMEOUT_MS,
        followRedirects: MAX_REDIRECTS,
      });
      if (status !== 200) {
        body.destroy();
        throw new ApiError('reference_fetch_failed', `${new URL(url).host} answered ${status}.`);
      }
      return { body: translated(capped(body, maxBytes), maxBytes, signal), contentType: headers['content-type'] };
    } catch (error) {
      throw translate(error, maxBytes, signal);
    }
  }
}

async function* translated(body: AsyncIterable<Uint8Array>, maxBytes: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
  try {
    yield* body;
  } catch (error) {
    throw translate(error, maxBytes, signal);
  }
}

function translate(error: unknown, maxBytes: number, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof ApiError) return error;
  if (!(error instanceof EgressError)) return new ApiError('reference_fetch_failed', 'The file could not be read.', { cause: error });
  switch (error.kind) {
    case 'blocked':
      return new ApiError('url_blocked', `The URL is not allowed: ${error.message}.`, { cause: error });
    case 'too_large':
      return new ApiError('reference_too_large', `The file is larger than ${maxBytes} bytes.`, { cause: error });
    default:
      return new ApiError('reference_fetch_failed', `The file could not be fetched: ${error.message}.`, { cause: error });
  }
}
