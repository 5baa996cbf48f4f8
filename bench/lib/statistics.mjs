export function median(values) {
  return percentile(Float64Array.from(values).sort(), 0.5);
}

/** @param sorted ascending */
export function percentile(sorted, share) {
  if (sorted.length === 0) return Number.NaN;
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

/** On a clock that all processes of the machine share. */
export function sharedClockMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Of every numeric field, the median over the runs; sums for those named. */
export function medianOf(runs, summed = []) {
  const [first] = runs;
  return Object.fromEntries(
    Object.entries(first)
      .filter(([, value]) => typeof value === 'number')
      .map(([name]) => {
        const values = runs.map((run) => run[name]);
        return [name, summed.includes(name) ? values.reduce((sum, value) => sum + value, 0) : median(values)];
      }),
  );
}
