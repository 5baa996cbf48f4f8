/** Prometheus text as `[{name, labels, value}]`. */
export function parseMetrics(text) {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      return {
        name,
        labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text])),
        value: Number(value),
      };
    });
}

export function sumOf(metrics, name, labels = {}) {
  return metrics
    .filter((metric) => metric.name === name && Object.entries(labels).every(([key, value]) => metric.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** The quantile of a histogram, as far as its buckets tell: `{atMost}`, the bound of the bucket in which it lies. */
export function histogramQuantile(metrics, name, labels, share) {
  const total = sumOf(metrics, `${name}_count`, labels);
  const bounds = [...new Set(metrics.filter((metric) => metric.name === `${name}_bucket`).map((metric) => metric.labels.le))];
  const sorted = bounds
    .map((bound) => ({ bound: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), text: bound }))
    .sort((a, b) => a.bound - b.bound);
  const found = sorted.find(({ text }) => sumOf(metrics, `${name}_bucket`, { ...labels, le: text }) >= total * share);
  return found?.bound ?? Number.NaN;
}
