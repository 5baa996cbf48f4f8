const BYTE_ORDER_MARK = '\uFEFF';
const INTEGER_VALUE = /\s*:\s*(-?\d+)(?=\s*[,}])/y;

/**
 * Reads a vendor's JSON. A byte-order mark before it is passed over.
 * @param textKeys keys whose integers stay text, because a number does not hold all digits of an id or a seed of 64 bits
 * @throws SyntaxError
 */
export function parseJson(json: string, textKeys: readonly string[] = []): unknown {
  const bare = json.startsWith(BYTE_ORDER_MARK) ? json.slice(1) : json;
  const parsed: unknown = JSON.parse(bare);
  return textKeys.length === 0 ? parsed : JSON.parse(withIntegersQuoted(bare, new Set(textKeys.map((key) => JSON.stringify(key)))));
}

/** @param json valid, so that every string in it ends */
function withIntegersQuoted(json: string, keys: ReadonlySet<string>): string {
  const pieces: string[] = [];
  let written = 0;
  for (let start = json.indexOf('"'); start !== -1; ) {
    const end = endOfString(json, start);
    INTEGER_VALUE.lastIndex = end;
    const digits = keys.has(json.slice(start, end)) ? INTEGER_VALUE.exec(json)?.[1] : undefined;
    if (digits !== undefined) {
      pieces.push(json.slice(written, INTEGER_VALUE.lastIndex - digits.length), `"${digits}"`);
      written = INTEGER_VALUE.lastIndex;
    }
    start = json.indexOf('"', end);
  }
  return pieces.join('') + json.slice(written);
}

/** Behind the quote that ends the string. */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (json[quote - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  return json.length;
}
