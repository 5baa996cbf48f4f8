import type { RawParts } from '../support/raw-socket.js';

/** Something that a caller sends, byte by byte. */
export interface HostileCase {
  readonly name: string;
  /** Makes what is written to a fresh connection, some of it megabytes. */
  readonly parts: () => RawParts;
  /** Whether an answer is due. Default true; false: the client leaves, or never sends a whole request. */
  readonly answered?: boolean;
}

/** Numbers that look random and are the same in every run (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** From 0 up to, but not including, `below`. */
  whole(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  of<T>(list: readonly T[]): T {
    return list[this.whole(list.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.whole(256)));
  }
}

export interface RequestOptions {
  readonly method?: string;
  readonly type?: string;
  readonly headers?: readonly string[];
  /** Default: the length of the body. Null: no header. */
  readonly length?: number | null;
}

/** The bytes of a request, as it should be unless told otherwise. */
export function request(path: string, body: string | Buffer = '', options: RequestOptions = {}): Buffer {
  const { method = 'POST', type = 'application/json', headers = [], length = Buffer.byteLength(body) } = options;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    ...(type === '' ? [] : [`Content-Type: ${type}`]),
    ...(length === null ? [] : [`Content-Length: ${length}`]),
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

export const pause = (milliseconds: number) => (): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
