// Spreads connections over a backend's endpoints: of two drawn at random the one with fewer open ones.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';

/** Counts what is open to each endpoint, whichever backends name it. */
export class EndpointLoad {
  readonly #open = new Map<string, number>();
  readonly #random: () => number;

  /** `random` is in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** One that was not tried yet; undefined where there is none. */
  pick(endpoints: readonly EndpointAddress[], tried: readonly EndpointAddress[]): EndpointAddress | undefined {
    const left = tried.length === 0 ? endpoints : endpoints.filter((endpoint) => !tried.includes(endpoint));
    if (left.length < 2) return left[0];
    const first = Math.floor(this.#random() * left.length);
    // Another one than the first.
    const second = (first + 1 + Math.floor(this.#random() * (left.length - 1))) % left.length;
    const [a, b] = [left[first]!, left[second]!];
    return this.open(b) < this.open(a) ? b : a;
  }

  /** How many are open to an endpoint. */
  open(endpoint: EndpointAddress): number {
    return this.#open.get(toHostPort(endpoint)) ?? 0;
  }

  add(endpoint: EndpointAddress): void {
    this.#open.set(toHostPort(endpoint), this.open(endpoint) + 1);
  }

  remove(endpoint: EndpointAddress): void {
    const left = this.open(endpoint) - 1;
    if (left > 0) this.#open.set(toHostPort(endpoint), left);
    else this.#open.delete(toHostPort(endpoint));
  }
}
