// "Did you mean": the known words nearest to an unknown one, for files, the command line and model names alike.

/** The nearest known word, if it is near enough to be a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  return nearestFew(word, known, 1)[0];
}

/** The known words that are near enough to be meant, at most so many, the nearest first and equals in the order given. */
export function nearestFew(word: string, known: readonly string[], countMax: number): string[] {
  const distanceMax = Math.max(2, Math.floor(word.length / 3));
  return known
    .filter((candidate) => Math.abs(candidate.length - word.length) <= distanceMax)
    .map((candidate) => ({ candidate, distance: distanceOf(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= distanceMax)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, countMax)
    .map(({ candidate }) => candidate);
}

/** Levenshtein's distance. */
function distanceOf(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++)
      current[j] = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    previous = current;
  }
  return previous[b.length]!;
}
