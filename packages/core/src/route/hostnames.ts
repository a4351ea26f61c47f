// Host names of listeners and routes: which match, which is more specific, what two of them share (Gateway API §hostname).

/** Whether a pattern (exact, `*.suffix`, or empty for any) covers a host. The wildcard stands for one or more labels. */
export function isHostCovered(pattern: string, host: string): boolean {
  if (pattern === '') return true;
  if (!pattern.startsWith('*.')) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}

/** What two patterns share; undefined when nothing. */
export function intersectHost(a: string, b: string): string | undefined {
  if (a === '' || a === b) return b;
  if (b === '') return a;
  const isWildA = a.startsWith('*.');
  const isWildB = b.startsWith('*.');
  if (isWildA && isWildB) return a.endsWith(b.slice(1)) ? a : b.endsWith(a.slice(1)) ? b : undefined;
  if (isWildA) return isHostCovered(a, b) ? b : undefined;
  return isWildB && isHostCovered(b, a) ? a : undefined;
}

/** A host without its port, in lower case. */
export function plainHost(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(0, authority.indexOf(']') + 1).toLowerCase();
  const colon = authority.indexOf(':');
  return (colon < 0 ? authority : authority.slice(0, colon)).toLowerCase();
}

/** The keys under which a host may be found, most specific first: itself, each wildcard, any. */
export function* hostKeys(host: string): Generator<string> {
  yield host;
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) yield `*${host.slice(dot)}`;
  yield '';
}

/** Picks the most specific listener for an authority. */
export function selectByHostname<T extends { readonly hostname: string }>(
  listeners: readonly T[],
): (authority: string) => T | undefined {
  const byHost = new Map(listeners.toReversed().map((listener) => [listener.hostname.toLowerCase(), listener]));
  return (authority) => {
    for (const key of hostKeys(plainHost(authority))) {
      const listener = byHost.get(key);
      if (listener) return listener;
    }
    return undefined;
  };
}
