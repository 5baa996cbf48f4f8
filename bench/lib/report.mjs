/** A table of text: numbers to the right, everything else to the left. */
export function table(columns, rows) {
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')));
  const widths = columns.map((column, index) => Math.max(column.length, ...cells.map((row) => row[index].length)));
  const isNumeric = columns.map((_column, index) => cells.every((row) => row[index] === '' || /^[+-]?[\d.,∞–]/.test(row[index])));
  const line = (row) => row.map((cell, index) => (isNumeric[index] ? cell.padStart(widths[index]) : cell.padEnd(widths[index]))).join('  ');
  return [line(columns), widths.map((width) => '─'.repeat(width)).join('  '), ...cells.map(line)].join('\n');
}

export function number(value, digits = 0) {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

export const megabytes = (bytes, digits = 0) => number(bytes / 1e6, digits);

const COMPARISONS = {
  '≤': (value, bound) => value <= bound,
  '≥': (value, bound) => value >= bound,
  '=': (value, bound) => value === bound,
};

/** One figure beside its target. `bound` is what the figure may at most be (`≤`), must at least be (`≥`), or must be (`=`). */
export function verdict(what, value, comparison, bound, unit, digits = 2) {
  const isMet = Number.isFinite(value) && COMPARISONS[comparison](value, bound);
  return { what, value, comparison, bound, unit, isMet, text: `${number(value, digits)} ${unit}`.trim() };
}

export function verdictTable(verdicts) {
  return table(
    ['figure', 'measured', 'target', ''],
    verdicts.map(({ what, text, comparison, bound, unit, isMet }) => ({
      figure: what,
      measured: text,
      target: `${comparison} ${bound} ${unit}`.trim(),
      '': isMet ? 'met' : 'NOT MET',
    })),
  );
}
