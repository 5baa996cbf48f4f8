/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost one. */
export function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min((current[column - 1] ?? 0) + 1, (previous[column] ?? 0) + 1, (previous[column - 1] ?? 0) + (same ? 0 : 1));
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/** Longest text that is compared; the rest of a longer one says nothing about a typing error. */
const MAX_COMPARED = 128;

/**
 * The known names nearest to a wrong one, best first; case does not count. Names that contain the wrong one are near, too.
 * @param name text of a caller, of any length
 */
export function suggest(name: string, known: Iterable<string>, limit = 3): string[] {
  const wanted = name.slice(0, MAX_COMPARED).toLowerCase();
  const scored: { candidate: string; score: number }[] = [];
  for (const candidate of known) {
    const lower = candidate.toLowerCase();
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, lower.length) * 0.4));
    const contained = wanted.length >= 3 && (lower.includes(wanted) || wanted.includes(lower));
    // A length that differs by more than the allowance cannot come near enough.
    const distance = Math.abs(lower.length - wanted.length) > allowed ? Number.POSITIVE_INFINITY : editDistance(wanted, lower);
    if (distance > allowed && !contained) continue;
    scored.push({ candidate, score: Math.min(distance, contained ? allowed : distance) / Math.max(wanted.length, lower.length) });
  }
  scored.sort((a, b) => a.score - b.score || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, limit).map(({ candidate }) => candidate);
}

/** `, did you mean a or b?` or nothing. */
export function didYouMean(name: string, known: Iterable<string>, limit = 1): string {
  const names = suggest(name, known, limit);
  return names.length === 0 ? '' : ` (did you mean ${names.join(' or ')}?)`;
}
