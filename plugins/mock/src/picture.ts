import { Canvas } from './canvas.js';
import type { Palette, Rgb } from './colours.js';
import { brightness, hashedColour, inverse, mix } from './colours.js';
import { CELL_HEIGHT } from './font.js';
import { numbersFrom } from './random.js';
import type { Reference } from './references.js';
import { cellColour, cellsOf } from './references.js';
import { layOut } from './text.js';

/** Everything a picture is drawn from; plain JSON. */
export type PictureSpec = {
  width: number;
  height: number;
  /** Shown in the middle. */
  text: string;
  /** Shown small at the bottom. */
  caption: string;
  palette: Palette;
  /** `hash`: one flat colour and two discs, as the first mock pictures of LiteGen. */
  look: 'gradient' | 'hash';
  transparent: boolean;
  /** Of the file; absent: PNG. */
  format?: 'jpeg' | 'webp';
  /** How many shapes. */
  detail: number;
  /** Hex; decides shapes and their places. */
  digest: string;
  references: Reference[];
};

const WHITE: Rgb = [255, 255, 255];
const INK: Rgb = [16, 18, 24];

function drawShapes(canvas: Canvas, spec: PictureSpec): void {
  const next = numbersFrom(spec.digest);
  const { width, height, palette } = spec;
  const unit = Math.min(width, height);
  for (let index = 0; index < spec.detail; index++) {
    const colour = mix(palette.accent, next() > 0.5 ? WHITE : palette.from, next() * 0.6);
    // Away from the top left corner, which keeps the first colour of the prompt pure.
    const x = width * (0.2 + next() * 0.75);
    const y = height * (0.2 + next() * 0.75);
    const size = unit * (0.04 + next() * 0.13);
    const kind = next();
    if (kind < 0.45) canvas.fillDisc(x, y, size, colour, 0.45);
    else if (kind < 0.75) canvas.fillDisc(x, y, size, colour, 0.6, size * 0.7);
    else canvas.fillRectangle(x - size, y - size * 0.4, size * 2, size * 0.8, colour, 0.4);
  }
}

function drawHashDiscs(canvas: Canvas, spec: PictureSpec): void {
  const bytes = Buffer.from(spec.digest, 'hex');
  const background = spec.palette.from;
  const unit = Math.min(spec.width, spec.height);
  const place = (index: number, extent: number): number => extent * (0.25 + ((bytes[index] ?? 0) / 255) * 0.5);
  canvas.fillDisc(place(3, spec.width), place(4, spec.height), unit * 0.28, inverse(background));
  canvas.fillDisc(place(5, spec.width), place(6, spec.height), unit * 0.12, hashedColour(bytes, 7));
}

function drawReferences(canvas: Canvas, references: readonly Reference[], labelScale: number): void {
  if (references.length === 0) return;
  const gap = Math.max(2, Math.round(canvas.width / 100));
  const perRow = Math.min(8, Math.max(4, references.length));
  const side = Math.floor((Math.min(canvas.width, canvas.height * 1.6) - gap * (perRow + 1)) / perRow);
  references.forEach((reference, index) => {
    const left = gap + (index % perRow) * (side + gap);
    const top = gap + Math.floor(index / perRow) * (side + gap);
    const ratio = reference.width / reference.height;
    const width = Math.max(1, Math.round(ratio >= 1 ? side : side * ratio));
    const height = Math.max(1, Math.round(ratio >= 1 ? side / ratio : side));
    canvas.fillRectangle(left - 2, top - 2, width + 4, height + 4, WHITE);
    const cells = cellsOf(reference);
    const step = 1 / 16;
    for (let row = 0; row < 16; row++) {
      for (let column = 0; column < 16; column++) {
        const x = Math.floor(left + column * step * width);
        const y = Math.floor(top + row * step * height);
        const right = Math.floor(left + (column + 1) * step * width);
        const bottom = Math.floor(top + (row + 1) * step * height);
        canvas.fillRectangle(x, y, right - x, bottom - y, cellColour(reference, cells, (column + 0.5) * step, (row + 0.5) * step));
      }
    }
    const label = layOut(`${reference.role} ${reference.fingerprint}`, side, side / 2, labelScale);
    canvas.fillRectangle(left, top, label.width + 2, label.height, INK, 0.7);
    canvas.drawText(label, left + 1, top, WHITE);
  });
}

function drawWords(canvas: Canvas, spec: PictureSpec, captionScale: number): void {
  const { width, height } = spec;
  const margin = Math.round(width * 0.06);
  const layout = layOut(spec.text, width - margin * 4, Math.round(height * 0.42), Math.max(1, Math.round(Math.min(width, height) / 80)));
  const top = Math.round(height * 0.62 - layout.height / 2);
  canvas.fillRectangle(margin, top - margin / 2, width - margin * 2, layout.height + margin, INK, 0.62);
  canvas.drawText(layout, Math.round((width - layout.width) / 2), top, WHITE);
  const band = CELL_HEIGHT * captionScale + 4;
  const caption = layOut(spec.caption, width - 8, band, captionScale);
  canvas.fillRectangle(0, height - band, width, band, INK, 0.75);
  canvas.drawText(caption, 4, height - band + 2, brightness(spec.palette.accent) > 110 ? spec.palette.accent : WHITE);
}

/** Draws a picture that shows its prompt, its references and its parameters. The same spec gives the same pixels. */
export function drawPicture(spec: PictureSpec): Canvas {
  const canvas = new Canvas(spec.width, spec.height, spec.transparent ? 4 : 3);
  const { palette } = spec;
  if (!spec.transparent) canvas.fillDiagonal(palette.from, spec.look === 'hash' ? palette.from : palette.to);
  if (spec.look === 'hash') drawHashDiscs(canvas, spec);
  else drawShapes(canvas, spec);
  const captionScale = Math.max(1, Math.floor(Math.min(spec.width, spec.height) / 400));
  drawReferences(canvas, spec.references, captionScale);
  drawWords(canvas, spec, captionScale);
  return canvas;
}
