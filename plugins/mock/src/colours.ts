import { createHash } from 'node:crypto';

/** Red, green and blue, 0 to 255. */
export type Rgb = [number, number, number];

export type Palette = {
  /** Colour of the gradient at the top left corner. */
  from: Rgb;
  /** Colour of the gradient at the bottom right corner. */
  to: Rgb;
  /** Colour of shapes. */
  accent: Rgb;
};

const NAMED: Readonly<Record<string, number>> = {
  amber: 0xffbf00,
  apricot: 0xfbceb1,
  aqua: 0x00ffff,
  aquamarine: 0x7fffd4,
  azure: 0x007fff,
  beige: 0xf5f5dc,
  black: 0x000000,
  blue: 0x0000ff,
  bronze: 0xcd7f32,
  brown: 0x8b4513,
  burgundy: 0x800020,
  charcoal: 0x36454f,
  chartreuse: 0x7fff00,
  chocolate: 0xd2691e,
  coral: 0xff7f50,
  cream: 0xfffdd0,
  crimson: 0xdc143c,
  cyan: 0x00ffff,
  emerald: 0x50c878,
  fuchsia: 0xff00ff,
  gold: 0xffd700,
  golden: 0xffd700,
  gray: 0x808080,
  green: 0x008000,
  grey: 0x808080,
  indigo: 0x4b0082,
  ivory: 0xfffff0,
  jade: 0x00a86b,
  khaki: 0xc3b091,
  lavender: 0xb57edc,
  lilac: 0xc8a2c8,
  lime: 0x32cd32,
  magenta: 0xff00ff,
  maroon: 0x800000,
  mauve: 0xe0b0ff,
  mint: 0x98ff98,
  mustard: 0xe1ad01,
  navy: 0x000080,
  ochre: 0xcc7722,
  olive: 0x808000,
  orange: 0xffa500,
  orchid: 0xda70d6,
  peach: 0xffdab9,
  pink: 0xff69b4,
  plum: 0x8e4585,
  purple: 0x800080,
  red: 0xff0000,
  rose: 0xff007f,
  ruby: 0xe0115f,
  rust: 0xb7410e,
  salmon: 0xfa8072,
  sand: 0xc2b280,
  sapphire: 0x0f52ba,
  scarlet: 0xff2400,
  sienna: 0xa0522d,
  silver: 0xc0c0c0,
  tan: 0xd2b48c,
  teal: 0x008080,
  tomato: 0xff6347,
  turquoise: 0x40e0d0,
  vermilion: 0xe34234,
  violet: 0x8f00ff,
  white: 0xffffff,
  yellow: 0xffff00,
};

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** The colour at `share` (0 to 1) of the way between two colours. */
export function mix(first: Rgb, second: Rgb, share: number): Rgb {
  const at = (index: 0 | 1 | 2): number => Math.round(first[index] + (second[index] - first[index]) * share);
  return [at(0), at(1), at(2)];
}

export function inverse(colour: Rgb): Rgb {
  return [255 - colour[0], 255 - colour[1], 255 - colour[2]];
}

/** Perceived brightness, 0 to 255. */
export function brightness(colour: Rgb): number {
  return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2];
}

function fromNumber(value: number): Rgb {
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Colours that a text names, in its order: English words, with `dark` or `light` before them, and `#rrggbb`. */
export function namedColours(text: string): Rgb[] {
  const found: Rgb[] = [];
  for (const match of text.toLowerCase().matchAll(/#([0-9a-f]{6})\b|\b(?:(dark|light)[ -]?)?([a-z]+)\b/g)) {
    const [, hex, shade, word] = match;
    if (hex !== undefined) {
      found.push(fromNumber(Number.parseInt(hex, 16)));
      continue;
    }
    if (word === undefined || !Object.hasOwn(NAMED, word)) continue;
    const colour = fromNumber(NAMED[word] ?? 0);
    if (shade === undefined) found.push(colour);
    else found.push(mix(colour, shade === 'dark' ? BLACK : WHITE, 0.45));
  }
  return found;
}

/** Background and shapes for a prompt: the colours it names, else colours derived from its SHA-256. */
export function paletteOf(prompt: string): Palette {
  const [first, second, third] = namedColours(prompt);
  const digest = createHash('sha256').update(prompt).digest();
  const from = first ?? hashedColour(digest, 0);
  const to = second ?? (first === undefined ? hashedColour(digest, 3) : mix(first, brightness(first) > 40 ? BLACK : WHITE, 0.5));
  return { from, to, accent: third ?? inverse(mix(from, to, 0.5)) };
}

/** Three bytes of a digest as a colour. */
export function hashedColour(digest: Uint8Array, offset: number): Rgb {
  return [digest[offset] ?? 0, digest[offset + 1] ?? 0, digest[offset + 2] ?? 0];
}
