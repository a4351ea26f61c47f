// Endpoints in turn: each try takes the next, whichever exchange asks.
import type { Environment } from '@agentgateway/core/environment.ts';
import type { Picker } from './picker.ts';

/** Whose turn it is. */
class Turn implements Disposable {
  next = 0;

  [Symbol.dispose](): void {}
}

/** Opens a picker whose turn is kept under `identity`. */
export function openRoundRobin(environment: Environment, identity: string): Picker {
  const turn = environment.state(`round-robin ${identity}`, () => new Turn());
  return (endpoints) => {
    if (endpoints.length === 0) return undefined;
    const index = turn.next % endpoints.length;
    turn.next = index + 1;
    return endpoints[index];
  };
}
