// A route as its listener's router takes it.
import type { Route } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { RouterEntry } from '@agentgateway/core/route/router.ts';

/** One entry per host name and match: the router orders them by Gateway API precedence. */
export function toEntries<T>(listener: string, routeKey: string, route: Route, rules: readonly T[]): RouterEntry<T>[] {
  const parents = route.parents.filter((parent) => parent.listener === listener);
  const hostnames = [...new Set(parents.flatMap((parent) => (parent.hostnames.length > 0 ? parent.hostnames : [''])))];
  const createdMs = Number(route.createdMs);
  const entries: RouterEntry<T>[] = [];
  route.rules.forEach(({ matches }, ruleIndex) => {
    (matches.length > 0 ? matches : [undefined]).forEach((match, matchIndex) => {
      for (const hostname of hostnames)
        entries.push({ hostname, match, createdMs, routeKey, ruleIndex, matchIndex, value: rules[ruleIndex]! });
    });
  });
  return entries;
}
