// Says aloud what a wider address would give away: providers' credentials to anybody who can connect.
import type { Snapshot } from './snapshot/snapshot.ts';

/** Routes that spend the owner's credentials for callers nobody has authenticated, on addresses beyond loopback. */
export function findExposed(snapshot: Snapshot, defaultAddress: string): string[] {
  const exposed = new Set<string>();
  for (const { address, port, listeners } of snapshot.binds.values()) {
    const bound = address || defaultAddress;
    if (isLoopback(bound)) continue;
    for (const rule of listeners.flatMap(({ router }) => [...router.values()])) {
      const isAuthenticated = rule.decisions.some(({ phase }) => phase === 'authenticate');
      if (isAuthenticated) continue;
      for (const { key } of rule.backends) {
        if (spends(snapshot, key)) exposed.add(`${rule.route} → ${key} on ${bound}:${port}`);
      }
    }
  }
  return [...exposed].sort();
}

function spends(snapshot: Snapshot, key: string): boolean {
  return snapshot.backend(key)?.holdsCredentials ?? false;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || address.startsWith('127.');
}
