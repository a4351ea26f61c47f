// Finds the rule for a request with Gateway API's precedence, in time that does not grow with the number of routes.
import { RE2JS } from 're2js';
import type { RouteMatch, ValueMatch } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { HeaderList } from '../header-list.ts';
import { GrpcTable, type MethodTest, compileMethod } from './grpc-table.ts';
import { hostKeys, plainHost } from './hostnames.ts';

/** One match of one rule for one host name. */
export interface RouterEntry<T> {
  /** Exact, `*.suffix`, or empty for any. */
  readonly hostname: string;
  /** Undefined matches every path. */
  readonly match: RouteMatch | undefined;
  readonly createdMs: number;
  readonly routeKey: string;
  readonly ruleIndex: number;
  readonly matchIndex: number;
  readonly value: T;
}

/** What is matched. */
export interface RoutedRequest {
  readonly authority: string;
  readonly method: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly headers: HeaderList;
}

/** What was found. */
export interface Routed<T> {
  readonly value: T;
  /** The prefix that matched, for rewrites of it. */
  readonly matchedPrefix: string | undefined;
}

/** Finds rules. */
export interface Router<T> {
  match(request: RoutedRequest): Routed<T> | undefined;
  /** Everything that can be found, each once. */
  values(): ReadonlySet<T>;
}

interface Candidate<T> extends Routed<T> {
  readonly entry: RouterEntry<T>;
  readonly method: string;
  readonly headers: readonly ValueTest[];
  readonly query: readonly ValueTest[];
}

/** What fits gRPC methods. */
type MethodCandidate<T> = Candidate<T> & { readonly grpc: MethodTest };

interface ValueTest {
  readonly name: string;
  readonly test: (value: string) => boolean;
}

interface HostTable<T> {
  readonly exact: Map<string, Candidate<T>[]>;
  readonly regex: { readonly pattern: RE2JS; readonly candidate: Candidate<T> }[];
  readonly prefix: Map<string, Candidate<T>[]>;
  /** Length of the longest prefix, so that a long path costs no more look-ups than there are prefixes to find. */
  prefixLengthMax: number;
  /** What GRPCRoutes say; on one host name there are none of HTTPRoutes beside them. */
  readonly grpc: GrpcTable<MethodCandidate<T>>;
}

/**
 * Compiles a router. Order: most specific host; exact path, then regular expression, then longest prefix; method; number of
 * header matches; number of query matches; oldest route, then its key, then the order in the route. For gRPC in place of the
 * path: longest service, then longest method. Throws on a bad expression.
 */
export function compileRouter<T>(entries: readonly RouterEntry<T>[]): Router<T> {
  const hosts = new Map<string, HostTable<T>>();
  for (const entry of entries) addEntry(hosts, entry);
  for (const table of hosts.values()) {
    for (const list of [...table.exact.values(), ...table.prefix.values()]) list.sort(byPrecedence);
    table.regex.sort((a, b) => byPrecedence(a.candidate, b.candidate));
    table.grpc.sort();
  }
  return {
    values: () => new Set(entries.map(({ value }) => value)),
    match(request) {
      for (const key of hostKeys(plainHost(request.authority))) {
        const table = hosts.get(key);
        const found = table && matchTable(table, request);
        if (found) return found;
      }
      return undefined;
    },
  };
}

function addEntry<T>(hosts: Map<string, HostTable<T>>, entry: RouterEntry<T>): void {
  const key = entry.hostname.toLowerCase();
  const table: HostTable<T> = hosts.get(key) ?? {
    exact: new Map(),
    regex: [],
    prefix: new Map(),
    prefixLengthMax: 0,
    grpc: new GrpcTable<MethodCandidate<T>>(byPrecedence),
  };
  hosts.set(key, table);
  const { matchedPrefix, pattern, grpc, ...tests } = entry.match ? compileMatch(entry.match) : everything;
  const candidate: Candidate<T> = { entry, value: entry.value, matchedPrefix, ...tests };
  const path = entry.match?.path?.match;
  if (grpc) table.grpc.add({ ...candidate, grpc });
  else if (pattern) table.regex.push({ pattern, candidate });
  else if (path?.case === 'exact') push(table.exact, path.value, candidate);
  else {
    const prefix = trimSlash(matchedPrefix!);
    push(table.prefix, prefix, candidate);
    table.prefixLengthMax = Math.max(table.prefixLengthMax, prefix.length);
  }
}

/** What a match compiles to, whatever it leads to. */
interface CompiledMatch {
  /** Undefined unless a prefix decides. */
  readonly matchedPrefix: string | undefined;
  /** Set where a regular expression decides. */
  readonly pattern: RE2JS | undefined;
  /** Set where a gRPC method decides. */
  readonly grpc: MethodTest | undefined;
  readonly method: string;
  readonly headers: readonly ValueTest[];
  readonly query: readonly ValueTest[];
}

/** Shared, so that what tests nothing takes no memory that each request would have to fetch. */
const noTests: readonly ValueTest[] = [];

const everything: CompiledMatch = {
  matchedPrefix: '/',
  pattern: undefined,
  grpc: undefined,
  method: '',
  headers: noTests,
  query: noTests,
};

/** By message, so that a router that is built again compiles only what is new. */
const compiledMatches = new WeakMap<RouteMatch, CompiledMatch>();

function compileMatch(match: RouteMatch): CompiledMatch {
  const known = compiledMatches.get(match);
  if (known) return known;
  const path = match.path?.match;
  const compiled: CompiledMatch = {
    matchedPrefix: path?.case === 'prefix' ? trimSlash(path.value) || '/' : path?.case || match.grpc ? undefined : '/',
    pattern: path?.case === 'regex' ? RE2JS.compile(path.value) : undefined,
    grpc: match.grpc && compileMethod(match.grpc),
    method: match.method,
    headers: compileValues(match.headers),
    query: compileValues(match.query),
  };
  compiledMatches.set(match, compiled);
  return compiled;
}

function matchTable<T>(table: HostTable<T>, request: RoutedRequest): Candidate<T> | undefined {
  const method = table.grpc.size === 0 ? undefined : table.grpc.find(request.path, (one) => isFit(one, request));
  if (method) return method;
  const exact = table.exact.get(request.path);
  const found = exact && firstFit(exact, request);
  if (found) return found;
  for (const { pattern, candidate } of table.regex)
    if (pattern.matches(request.path) && isFit(candidate, request)) return candidate;
  let prefix = trimSlash(request.path);
  if (prefix.length > table.prefixLengthMax)
    prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/', table.prefixLengthMax)));
  for (;;) {
    const list = table.prefix.get(prefix);
    const hit = list && firstFit(list, request);
    if (hit) return hit;
    if (prefix === '') return undefined;
    prefix = prefix.slice(0, prefix.lastIndexOf('/'));
  }
}

function firstFit<T>(list: readonly Candidate<T>[], request: RoutedRequest): Candidate<T> | undefined {
  for (const candidate of list) if (isFit(candidate, request)) return candidate;
  return undefined;
}

function isFit<T>({ method, headers, query }: Candidate<T>, request: RoutedRequest): boolean {
  if (method !== '' && method !== request.method) return false;
  if (headers !== noTests)
    for (const { name, test } of headers) {
      const value = request.headers.combined(name);
      if (value === undefined || !test(value)) return false;
    }
  if (query === noTests) return true;
  const values = new URLSearchParams(request.query ?? '');
  return query.every(({ name, test }) => {
    const value = values.get(name);
    return value !== null && test(value);
  });
}

function byPrecedence<T>(a: Candidate<T>, b: Candidate<T>): number {
  return (
    Number(b.method !== '') - Number(a.method !== '') ||
    b.headers.length - a.headers.length ||
    b.query.length - a.query.length ||
    a.entry.createdMs - b.entry.createdMs ||
    (a.entry.routeKey < b.entry.routeKey ? -1 : a.entry.routeKey > b.entry.routeKey ? 1 : 0) ||
    a.entry.ruleIndex - b.entry.ruleIndex ||
    a.entry.matchIndex - b.entry.matchIndex
  );
}

function compileValue({ name, match }: ValueMatch): ValueTest {
  if (match.case === 'regex') {
    const pattern = RE2JS.compile(match.value);
    return { name, test: (value) => pattern.matches(value) };
  }
  const wanted = match.value ?? '';
  return { name, test: (value) => value === wanted };
}

/** Of matches on the same name only the first counts. */
function compileValues(matches: readonly ValueMatch[]): readonly ValueTest[] {
  if (matches.length === 0) return noTests;
  return matches
    .filter(({ name }, index) => matches.findIndex((other) => other.name === name) === index)
    .map(compileValue);
}

function trimSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
