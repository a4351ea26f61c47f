// Weighted choice that is exact over time: smooth weighted round robin.

/** Something with a share of the requests. */
export interface Weighted {
  readonly weight: number;
}

/** Returns a picker over the items; zero weights are never picked, and nothing with weight gives undefined. */
export function compileChoice<T extends Weighted>(items: readonly T[]): () => T | undefined {
  const candidates = items.filter((item) => item.weight > 0);
  const only = candidates[0];
  if (candidates.length < 2) return () => only;
  const total = candidates.reduce((sum, item) => sum + item.weight, 0);
  const current = candidates.map(() => 0);
  return () => {
    let best = 0;
    for (let i = 0; i < candidates.length; i++) {
      current[i]! += candidates[i]!.weight;
      if (current[i]! > current[best]!) best = i;
    }
    current[best]! -= total;
    return candidates[best];
  };
}
