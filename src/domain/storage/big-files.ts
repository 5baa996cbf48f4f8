import { Semaphore } from '../../platform/common/index.js';

/** Length of the buffers that big files pass through; a multiple of three, so that base64 can be made of each by itself. */
export const BIG_FILE_BUFFER_BYTES = 196_608;
/** Kept for the next file, because allocating a buffer for every piece would keep the garbage collector busy. */
const KEPT_BUFFERS = 16;

const kept: Buffer[] = [];

/** Of the process's few threads for files and databases, big files may occupy half, so that small work never queues behind them. */
export const bigFiles = new Semaphore(2);

export function takeBuffer(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(BIG_FILE_BUFFER_BYTES);
}

/** Only when nothing reads or writes it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (kept.length < KEPT_BUFFERS) kept.push(buffer);
}
