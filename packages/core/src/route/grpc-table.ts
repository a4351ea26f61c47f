// Finds gRPC methods with the precedence of Gateway API's GRPCRoute: longest service, longest method, most headers.
import type { GRPCMethodMatch, StringMatch } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { RE2JS } from 're2js';

/** A compiled method match. */
export interface MethodTest {
  /** Set where it compares exactly; then there is nothing else to ask. */
  readonly service: string | undefined;
  readonly method: string | undefined;
  /** Characters that it compares, the longer the more specific. */
  readonly serviceLength: number;
  readonly methodLength: number;
  /** What is not exact; the parts are undefined for paths that name no method. */
  fits(service: string | undefined, method: string | undefined): boolean;
}

/** Compiles a method match. Throws on a bad expression. */
export function compileMethod({ service, method }: GRPCMethodMatch): MethodTest {
  const [serviceTest, methodTest] = [compileText(service), compileText(method)];
  return {
    service: service?.match.case === 'exact' ? service.match.value : undefined,
    method: method?.match.case === 'exact' ? method.match.value : undefined,
    serviceLength: service?.match.value?.length ?? 0,
    methodLength: method?.match.value?.length ?? 0,
    fits: (one, other) => (!serviceTest || serviceTest(one)) && (!methodTest || methodTest(other)),
  };
}

function compileText(text: StringMatch | undefined): ((value: string | undefined) => boolean) | undefined {
  const match = text?.match;
  if (match?.case === undefined) return undefined;
  if (match.case === 'exact') return (value) => value === match.value;
  const pattern = RE2JS.compile(match.value);
  return (value) => value !== undefined && pattern.matches(value);
}

/** What a table holds: something that fits methods, in an order among those that fit. */
export interface GrpcCandidate {
  readonly grpc: MethodTest;
}

/** Everything that one host name's gRPC methods lead to. */
export class GrpcTable<C extends GrpcCandidate> {
  readonly #byPath = new Map<string, C[]>();
  readonly #byService = new Map<string, C[]>();
  readonly #rest: C[] = [];
  #size = 0;
  /** Negative where the first comes before the second; of equal methods only. */
  readonly #order: (a: C, b: C) => number;

  constructor(order: (a: C, b: C) => number) {
    this.#order = order;
  }

  add(candidate: C): void {
    this.#size++;
    const { service, method, methodLength } = candidate.grpc;
    if (service !== undefined && method !== undefined) push(this.#byPath, `/${service}/${method}`, candidate);
    else if (service !== undefined && methodLength === 0) push(this.#byService, service, candidate);
    else this.#rest.push(candidate);
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** To be called once, when everything was added. */
  sort(): void {
    for (const list of [...this.#byPath.values(), ...this.#byService.values(), this.#rest])
      list.sort((a, b) => this.#compare(a, b));
  }

  /** The first of those that fit the path and the test. */
  find(path: string, isFit: (candidate: C) => boolean): C | undefined {
    const [, service, method] = /^\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const lists = [
      this.#byPath.get(path) ?? [],
      (service !== undefined && this.#byService.get(service)) || [],
      this.#rest.filter(({ grpc }) => grpc.fits(service, method)),
    ];
    const found = lists.flatMap((list) => list.find(isFit) ?? []);
    return found.reduce<C | undefined>(
      (best, candidate) => (best && this.#compare(best, candidate) <= 0 ? best : candidate),
      undefined,
    );
  }

  #compare(a: C, b: C): number {
    return (
      b.grpc.serviceLength - a.grpc.serviceLength || b.grpc.methodLength - a.grpc.methodLength || this.#order(a, b)
    );
  }
}

function push<C>(map: Map<string, C[]>, key: string, candidate: C): void {
  const list = map.get(key);
  if (list) list.push(candidate);
  else map.set(key, [candidate]);
}
