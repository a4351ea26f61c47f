// Which endpoints an update took away.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';

/** The endpoints by the port of the Service that they stand for. */
type EndpointSets = ReadonlyMap<string, readonly EndpointAddress[]>;

/** Endpoints of `before` that stand for nothing any more; none where nothing has changed. */
export function findRetired(before: EndpointSets, after: EndpointSets): EndpointAddress[] {
  if (before === after) return [];
  const left = new Map<string, EndpointAddress>();
  for (const [key, endpoints] of before)
    if (after.get(key) !== endpoints) for (const endpoint of endpoints) left.set(toHostPort(endpoint), endpoint);
  if (left.size > 0)
    for (const endpoints of after.values()) for (const endpoint of endpoints) left.delete(toHostPort(endpoint));
  return [...left.values()];
}
