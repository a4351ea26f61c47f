// The endpoint of a key, the same in every replica: rendezvous hashing, by which one that goes moves only its own keys.
import type { Candidates, EndpointState } from './endpoint-table.ts';
import { hashText, mix } from './hash.ts';

/** The endpoint with the best score for the key; a weight of two wins twice as often as one of one. */
export function chooseByKey({ states }: Candidates, key: string): EndpointState | undefined {
  const hash = hashText(key);
  let best: EndpointState | undefined;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const state of states) {
    // In (0, 1), so that the logarithm is finite and not 0.
    const draw = (mix(hash ^ state.hash) + 0.5) / 2 ** 32;
    const score = -Math.log(draw) / state.weight;
    if (score >= bestScore) continue;
    best = state;
    bestScore = score;
  }
  return best;
}
