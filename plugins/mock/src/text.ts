import { CELL_HEIGHT, CELL_WIDTH, GLYPH_WIDTH, glyphOf } from './font.js';

export interface TextLayout {
  readonly lines: readonly string[];
  /** How many picture pixels one font pixel takes. */
  readonly scale: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** Letters without their accents and with single spaces, so that the ASCII font can show most Latin text. */
export function printable(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').replace(/\s+/gu, ' ').trim();
}

/** Breaks text at spaces, and inside words that are longer than a line. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line: string[] = [];
  for (const word of text.split(' ')) {
    let rest = [...word];
    if (line.length > 0 && line.length + 1 + rest.length <= columns) {
      line.push(' ', ...rest);
      continue;
    }
    if (line.length > 0) lines.push(line.join(''));
    while (rest.length > columns) {
      lines.push(rest.slice(0, columns).join(''));
      rest = rest.slice(columns);
    }
    line = rest;
  }
  if (line.length > 0) lines.push(line.join(''));
  return lines;
}

/** The largest lettering with which the text fits into a box; at the smallest scale the rest is cut off with dots. */
export function layOut(text: string, width: number, height: number, largestScale: number): TextLayout {
  for (let scale = Math.max(1, largestScale); ; scale--) {
    const columns = Math.max(1, Math.floor((width + scale) / (CELL_WIDTH * scale)));
    const rows = Math.max(1, Math.floor(height / (CELL_HEIGHT * scale)));
    const lines = wrap(text, columns);
    const splitsWords = text.split(' ').some((word) => [...word].length > columns);
    if ((lines.length > rows || splitsWords) && scale > 1) continue;
    const shown = lines.slice(0, rows);
    const last = shown.at(-1);
    if (lines.length > rows && last !== undefined) {
      shown[rows - 1] = `${[...last].slice(0, Math.max(0, columns - 3)).join('')}...`.slice(0, columns);
    }
    const longest = Math.max(0, ...shown.map((line) => [...line].length));
    return { lines: shown, scale, width: longest * CELL_WIDTH * scale, height: shown.length * CELL_HEIGHT * scale };
  }
}

/** Calls `paint` for every horizontal run of ink of a laid-out text whose top left corner is at (left, top). */
export function inkRuns(
  layout: TextLayout,
  left: number,
  top: number,
  paint: (x: number, y: number, width: number, height: number) => void,
): void {
  const { scale } = layout;
  layout.lines.forEach((line, row) => {
    [...line].forEach((character, column) => {
      const x = left + column * CELL_WIDTH * scale;
      glyphOf(character).forEach((bits, glyphRow) => {
        const y = top + (row * CELL_HEIGHT + glyphRow + 1) * scale;
        let start = -1;
        for (let bit = 0; bit <= GLYPH_WIDTH; bit++) {
          const inked = bit < GLYPH_WIDTH && (bits & (1 << (GLYPH_WIDTH - 1 - bit))) !== 0;
          if (inked && start < 0) start = bit;
          if (!inked && start >= 0) {
            paint(x + start * scale, y, (bit - start) * scale, scale);
            start = -1;
          }
        }
      });
    });
  });
}
