// The less loaded of two endpoints: the one whose turn it is and another by chance.
import type { Candidates, EndpointState } from './endpoint-table.ts';
import type { Choose, PickQuestion } from './picker.ts';
import { chooseByKey } from './rendezvous.ts';

/** Whose turn it is, where all endpoints weigh the same. */
export class Turn implements Disposable {
  next = 0;

  [Symbol.dispose](): void {}
}

/**
 * Chooses by sessions where there are some, else by load. The first of the two is the next in smooth weighted round robin
 * and not one by chance, so that an idle backend's requests are spread exactly by weight; the second only wins with fewer
 * requests under way for its weight. A turn that was not taken is forfeited: an endpoint that was slow is not flooded when
 * it has recovered.
 */
export function powerOfTwo(turn: Turn, random: () => number): Choose {
  return (all, question) => {
    const candidates = untried(all, question);
    const { states } = candidates;
    const bound = boundBySession(candidates, question);
    if (bound) return bound;
    if (states.length < 2) return states[0];
    const first = nextInTurn(candidates, turn);
    const second = drawOther(candidates, first, random());
    return second.inFlight / second.weight < first.inFlight / first.weight ? second : first;
  };
}

/** What was tried already is tried again only where there is nothing else. */
function untried(candidates: Candidates, { tried = [] }: PickQuestion): Candidates {
  if (tried.length === 0) return candidates;
  const states = candidates.states.filter((state) => !tried.includes(state));
  return states.length > 0 ? { ...candidates, states } : candidates;
}

function boundBySession(candidates: Candidates, { marked, sessionKey }: PickQuestion): EndpointState | undefined {
  const known = marked === undefined ? undefined : candidates.states.find(({ mark }) => mark === marked);
  return known ?? (sessionKey === undefined ? undefined : chooseByKey(candidates, sessionKey));
}

function nextInTurn({ states, isEven }: Candidates, turn: Turn): EndpointState {
  if (isEven) {
    const index = turn.next % states.length;
    turn.next = index + 1;
    return states[index]!;
  }
  let best = states[0]!;
  let total = 0;
  for (const state of states) {
    state.credit += state.weight;
    total += state.weight;
    if (state.credit > best.credit) best = state;
  }
  best.credit -= total;
  return best;
}

/** Another than the first, by weight. */
function drawOther({ states, isEven }: Candidates, first: EndpointState, draw: number): EndpointState {
  if (isEven) {
    const at = Math.floor(draw * (states.length - 1));
    return states[at < states.indexOf(first) ? at : at + 1]!;
  }
  const others = states.filter((state) => state !== first);
  let rest = draw * others.reduce((sum, { weight }) => sum + weight, 0);
  return others.find(({ weight }) => (rest -= weight) < 0) ?? others.at(-1)!;
}
