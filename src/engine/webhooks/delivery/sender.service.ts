import { Inject, Injectable } from '@nestjs/common';
import { Clock, storableText } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { EgressError, type EgressResponse, EgressService, redact, SecretRegistry } from '../../../platform/security/index.js';
import { EndpointSecrets } from '../endpoints/endpoint-secrets.service.js';
import { isSuccess } from '../endpoints/retry.policy.js';
import { type SignedMessage, signatureHeaders } from '../endpoints/signing.policy.js';
import type { WebhookEndpointEntity } from '../endpoints/webhook-endpoint.entity.js';

const MAX_SNIPPET_BYTES = 4096;
/** The status has said what counts; a body that trickles holds nobody up. */
const LONGEST_SNIPPET_MS = 2_000;
const MS_PER_SECOND = 1000;

/** How one request to a receiver went. */
export interface AttemptOutcome {
  readonly url: string;
  /** Null when no answer came. */
  readonly status: number | null;
  readonly success: boolean;
  /** Why it counts as a failure; null for a success. */
  readonly error: string | null;
  /** At most 4 KiB of the answer, without secrets; null when it was empty. */
  readonly snippet: string | null;
  /** The header as it came. */
  readonly retryAfter?: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
}

/** Makes one signed request. Knows nothing of schedules. */
@Injectable()
export class Sender {
  constructor(
    private readonly clock: Clock,
    private readonly egress: EgressService,
    private readonly secrets: EndpointSecrets,
    private readonly known: SecretRegistry,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Never throws for what the receiver or the way to it does. */
  async send(endpoint: WebhookEndpointEntity, url: string, message: SignedMessage): Promise<AttemptOutcome> {
    const startedAtMs = this.clock.nowMs();
    const began = this.clock.monotonicMs();
    const measured = () => ({ url, startedAtMs, durationMs: Math.round(this.clock.monotonicMs() - began) });
    const timeoutMs = this.config.webhooks.timeout_seconds * MS_PER_SECOND;
    let response: EgressResponse;
    try {
      response = await this.egress.request(url, {
        policy: { kind: 'public' },
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'LiteGen-Webhooks',
          ...signatureHeaders(message, this.secrets.signers(endpoint, startedAtMs), startedAtMs),
        },
        body: message.body,
        connectTimeoutMs: timeoutMs,
        headersTimeoutMs: timeoutMs,
        bodyTimeoutMs: timeoutMs,
        totalTimeoutMs: timeoutMs,
      });
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      return { ...measured(), status: null, success: false, error: error.message, snippet: null };
    }
    const { status, headers } = response;
    const snippet = this.scrubbed(await beginningOf(response), endpoint);
    const success = isSuccess(status);
    return {
      ...measured(),
      status,
      success,
      error: success ? null : `the receiver answered ${status}`,
      snippet: snippet === '' ? null : snippet,
      ...(headers['retry-after'] === undefined ? {} : { retryAfter: headers['retry-after'] }),
    };
  }

  /** A receiver that echoes what it got must not fill the log with secrets. */
  private scrubbed(text: string, endpoint: WebhookEndpointEntity): string {
    if (text === '') return text;
    const own = this.secrets.shown(endpoint);
    const scrubbed = this.known.redactText(own === null ? text : redact(text, [own]));
    return storableText(truncated(scrubbed));
  }
}

/** Reads no more than is kept, and gives the connection up when there is more. */
async function beginningOf({ body }: EgressResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => body.destroy(), LONGEST_SNIPPET_MS);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_SNIPPET_BYTES) break;
    }
  } catch {
    // What was read before the answer broke is all there is; its status stands.
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
  return truncated(Buffer.concat(chunks).toString('utf8'));
}

function truncated(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_SNIPPET_BYTES) return text;
  // A character cut in half would read as a replacement mark.
  return bytes
    .subarray(0, MAX_SNIPPET_BYTES)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}
