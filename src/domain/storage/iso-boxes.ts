/** A box of an ISO base media file (ISO/IEC 14496-12) within a buffer; the numbers are those of its content. */
export interface BufferBox {
  readonly start: number;
  readonly end: number;
}

/** The boxes inside `parent`; ends at the first that is broken. */
export function* boxesIn(data: Buffer, parent: BufferBox): Generator<BufferBox & { type: string }> {
  for (let at = parent.start; at + 8 <= parent.end; ) {
    const size = data.readUInt32BE(at);
    if (size < 8) return;
    yield { type: data.toString('latin1', at + 4, at + 8), start: at + 8, end: Math.min(at + size, parent.end) };
    at += size;
  }
}

/** The first box of a type inside `parent`. */
export function boxIn(data: Buffer, parent: BufferBox, type: string): BufferBox | undefined {
  for (const box of boxesIn(data, parent)) if (box.type === type) return box;
  return undefined;
}
