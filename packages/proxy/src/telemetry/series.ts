// Counters and histograms that are found by one key per request and given to the Prometheus library when it is scraped: its
// own look up every value by hashing every label.
import type { Counter, Registry } from 'prom-client';

/** Label names and values, in the order in which they are told. */
export type Labels = Readonly<Record<string, string>>;

/** One value of an exposed metric. */
interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Observations by upper bounds. */
export class Buckets {
  readonly #uppers: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(uppers: readonly number[]) {
    this.#uppers = uppers;
    this.#counts = new Float64Array(uppers.length);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    const uppers = this.#uppers;
    for (let i = 0; i < uppers.length; i++) {
      if (value > uppers[i]!) continue;
      this.#counts[i]!++;
      return;
    }
  }

  /** The samples of a histogram; none before the first observation. */
  *samples(name: string, labels: Labels): Generator<Sample> {
    if (this.#count === 0) return;
    let below = 0;
    for (let i = 0; i < this.#uppers.length; i++) {
      below += this.#counts[i]!;
      yield { metricName: `${name}_bucket`, labels: { le: this.#uppers[i]!, ...labels }, value: below };
    }
    yield { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: this.#count };
    yield { metricName: `${name}_sum`, labels, value: this.#sum };
    yield { metricName: `${name}_count`, labels, value: this.#count };
  }
}

/** A number that only rises. */
export class Sum {
  #value = 0;
  #isTouched = false;

  add(amount: number): void {
    this.#value += amount;
    this.#isTouched = true;
  }

  /** The sample of a counter; none before the first addition. */
  *samples(labels: Labels): Generator<Sample> {
    if (this.#isTouched) yield { labels, value: this.#value };
  }
}

/** What is to be told of a metric that the library does not keep itself. */
export interface Exposed {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'histogram';
  readonly samples: () => Iterable<Sample>;
}

/** Has a metric told with the others of the registry. */
export function expose(registry: Registry, { name, help, type, samples }: Exposed): void {
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: [...samples()] }),
    reset: () => {},
  };
  // The registry asks of a metric no more than this; its types name the library's own classes.
  registry.registerMetric(metric as unknown as Counter);
}
