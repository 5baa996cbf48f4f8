/** A request's body whose length is known before its first byte. */
export interface EncodedBody {
  readonly contentType?: string;
  readonly bytes: number;
  readonly data: Buffer | AsyncIterable<Uint8Array>;
}
