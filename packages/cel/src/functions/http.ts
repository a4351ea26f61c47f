// Views of headers and URLs.
import { FunctionError } from '../error.ts';
import type { FunctionRow } from './row.ts';

/** The value of one cookie (RFC 6265 §5.4), quotes removed. */
function cookie(headers: ReadonlyMap<unknown, unknown> | Readonly<Record<string, unknown>>, name: string): string {
  const header = headers instanceof Map ? (headers as Map<unknown, unknown>).get('cookie') : undefined;
  if (typeof header === 'string') {
    for (const pair of header.split(';')) {
      const equals = pair.indexOf('=');
      if (equals >= 0 && pair.slice(0, equals).trim() === name)
        return pair
          .slice(equals + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1');
    }
  }
  throw new FunctionError('missing', 'there is no such cookie');
}

interface UrlParts {
  readonly before: string;
  readonly query: string | undefined;
  readonly fragment: string;
}

function parseUrl(url: string): UrlParts {
  const hash = url.indexOf('#');
  const fragment = hash < 0 ? '' : url.slice(hash);
  const rest = hash < 0 ? url : url.slice(0, hash);
  const mark = rest.indexOf('?');
  return mark < 0
    ? { before: rest, query: undefined, fragment }
    : { before: rest.slice(0, mark), query: rest.slice(mark + 1), fragment };
}

/** A percent-encoded component, `+` standing for a space; as it is where it is malformed. */
function decoded(component: string): string {
  const spaced = component.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return decoded(equals < 0 ? pair : pair.slice(0, equals));
}

function query(url: string, name: string): string {
  for (const pair of parseUrl(url).query?.split('&') ?? []) {
    if (pair === '' || nameOf(pair) !== name) continue;
    const equals = pair.indexOf('=');
    return equals < 0 ? '' : decoded(pair.slice(equals + 1));
  }
  throw new FunctionError('missing', 'there is no such query parameter');
}

function encodedPair(name: string, value: string): string {
  return `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`;
}

function addQuery(url: string, name: string, value: string): string {
  const parts = parseUrl(url);
  const query = [parts.query, encodedPair(name, value)].filter((part) => part !== undefined && part !== '').join('&');
  return `${parts.before}?${query}${parts.fragment}`;
}

/** The other parameters keep their place and their spelling. */
function setQuery(url: string, name: string, value: string): string {
  const parts = parseUrl(url);
  const pairs = parts.query === undefined || parts.query === '' ? [] : parts.query.split('&');
  const first = pairs.findIndex((pair) => nameOf(pair) === name);
  const kept = pairs.flatMap((pair, index) => {
    if (index === first) return [encodedPair(name, value)];
    return nameOf(pair) === name ? [] : [pair];
  });
  if (first < 0) kept.push(encodedPair(name, value));
  return `${parts.before}?${kept.join('&')}${parts.fragment}`;
}

/** Views of headers and URLs. */
export const httpFunctions: readonly FunctionRow[] = [
  {
    name: 'cookie',
    group: 'http',
    usage: 'request.headers.cookie(name)',
    doc: 'The value of a cookie; fails where there is none, see default().',
    overloads: { 'map.cookie(string): string': cookie },
  },
  {
    name: 'query',
    group: 'http',
    usage: 'request.uri.query(name)',
    doc: 'The first value of a query parameter, decoded; fails where there is none, see default().',
    overloads: { 'string.query(string): string': query },
  },
  {
    name: 'addQuery',
    group: 'http',
    usage: 'request.pathAndQuery.addQuery(name, value)',
    doc: 'The URL or path with one more query parameter.',
    overloads: { 'string.addQuery(string, string): string': addQuery },
  },
  {
    name: 'setQuery',
    group: 'http',
    usage: 'request.pathAndQuery.setQuery(name, value)',
    doc: 'The URL or path with the query parameter set to that one value.',
    overloads: { 'string.setQuery(string, string): string': setQuery },
  },
];
