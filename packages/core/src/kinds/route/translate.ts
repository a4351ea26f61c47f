// A route of any kind → one resource for each Gateway it attaches to, and what its status says before any proxy has spoken.
import type { Route } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import { toEpochMs } from '../../translate/time.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import { type ParentFacts, type RouteClaims, attachRoute, servedListeners, toParentPath } from '../attachment.ts';

/** A translated route. */
export interface RouteTranslated {
  readonly parents: readonly ParentFacts[];
  /** Gateway key → the route as attached to that Gateway's listeners. */
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** Keys of backends it sends to. */
  readonly backends: readonly string[];
  /** Keys of the Secrets that its filters read. */
  readonly secrets: readonly string[];
  /** Faults of the route's own, whatever its parents are. */
  readonly faults: readonly Fault[];
  /** Whether none of the rules can be served as written. */
  readonly isBroken: boolean;
  /** The resources with other parents. */
  readonly encode: (parents: readonly ParentFacts[]) => ReadonlyMap<string, EncodedResource>;
}

/** What the rules of a route came to. */
export interface RouteBody {
  readonly faults: readonly Fault[];
  readonly backends: readonly string[];
  readonly secrets: readonly string[];
  readonly isBroken: boolean;
  /** The resource of a route with these parents. */
  readonly encode: (
    key: string,
    head: Pick<Route, 'createdMs'> & { readonly parents: RouteParents },
  ) => EncodedResource;
}

type RouteParents = { readonly listener: string; readonly hostnames: string[] }[];

/** Translates a route; `toBody` translates what its kind says beside parents and host names. */
export function translateRoute<Spec extends RouteClaims>(
  route: Manifest,
  scope: Scope,
  toBody: (spec: Spec) => RouteBody,
): RouteTranslated {
  const parsed = parseObject<Spec>(route);
  if (!parsed.ok) {
    for (const fault of parsed.faults) scope.fault(fault);
    const nothing = { parents: [], resources: new Map(), backends: [], secrets: [], encode: () => new Map() };
    return { ...nothing, faults: parsed.faults, isBroken: true };
  }
  const spec = parsed.fields;
  const parents = attachRoute(route, spec, scope);
  for (const { index, problem } of parents)
    if (problem) scope.fault({ path: toParentPath(index), condition: 'Accepted', ...problem });
  const body = toBody(spec);
  for (const fault of body.faults) scope.fault(fault);
  const encode = (attached: readonly ParentFacts[]) => encodeFor(route, attached, body.encode);
  const { faults, backends, secrets, isBroken } = body;
  return { parents, resources: encode(parents), backends, secrets, faults, isBroken, encode };
}

function encodeFor(
  route: Manifest,
  parents: readonly ParentFacts[],
  encode: RouteBody['encode'],
): ReadonlyMap<string, EncodedResource> {
  const createdMs = BigInt(toEpochMs(route.metadata.creationTimestamp) ?? 0);
  return new Map(
    [...servedListeners(parents)].map(([gateway, served]) => [
      gateway,
      encode(keyOf(route), { createdMs, parents: [...served] }),
    ]),
  );
}

/** Names of rules that an earlier rule has already. */
export function nameFaults(rules: readonly { readonly name?: string | undefined }[], index: number): Fault[] {
  const { name } = rules[index]!;
  if (name === undefined || rules.findIndex((other) => other.name === name) === index) return [];
  const message = `another rule is named ${name}; this one is not served`;
  return [{ path: `spec.rules[${index}].name`, condition: 'Accepted', reason: 'UnsupportedValue', message }];
}
