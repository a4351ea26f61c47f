// Says aloud what a wider address would give away: providers' credentials to anybody who can connect.
import type { Snapshot, StepPlan } from './snapshot/snapshot.ts';

/** Routes that spend the owner's credentials for callers nobody has authenticated, on addresses beyond loopback. */
export function findExposed(snapshot: Snapshot, defaultAddress: string): string[] {
  const exposed = new Set<string>();
  for (const { address, port, listeners } of snapshot.binds.values()) {
    const bound = address || defaultAddress;
    if (isLoopback(bound)) continue;
    for (const rule of listeners.flatMap(({ router }) => [...router.values()])) {
      if (isClosed(rule.plan)) continue;
      for (const { key, plan } of rule.backends) {
        if (!isClosed(plan) && spends(snapshot, key)) exposed.add(`${rule.route} → ${key} on ${bound}:${port}`);
      }
    }
  }
  return [...exposed].sort();
}

/** Whether one of the steps lets nobody pass unknown; an authenticator that lets others pass too closes nothing. */
function isClosed({ steps }: StepPlan): boolean {
  return steps.some(({ step }) => step.isMandatory === true);
}

function spends(snapshot: Snapshot, key: string): boolean {
  return snapshot.backend(key)?.holdsCredentials?.(snapshot) ?? false;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || address.startsWith('127.');
}
