/** A spreadsheet runs a cell that begins so as a formula, also behind blanks. */
const FORMULA = /^\s*[=+\-@\t\r]|^[\t\r\n]/;

/** One cell (RFC 4180). Text that a spreadsheet would run is made plain by an apostrophe. */
export function csvCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvLine(cells: readonly (string | number | null | undefined)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}
