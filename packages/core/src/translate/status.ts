// Translations and feedback → statuses, in the words of the standard (Gateway API) and of our own kinds.
import { fromKey } from '@agentgateway/api/keys.ts';
import type { RouteTranslated } from '../kinds/route/translate.ts';
import type { Condition, Feedback, Manifest, ObjectStatus } from '../world.ts';
import { programmed, programmedType } from './programmed.ts';
import type { Fault, Translated } from './scope.ts';

/** What statuses are computed with. */
export interface StatusInputs {
  readonly controllerName: string;
  readonly feedback: ReadonlyMap<string, Feedback>;
}

/** What the statuses of routes are computed with. */
export interface RouteInputs extends StatusInputs {
  /** Keys of the listeners that are sent to proxies. */
  readonly sent: ReadonlySet<string>;
}

/** The status of an object as it is handed out. */
export function toStatus({ apiVersion, kind, metadata }: Manifest, status: unknown): ObjectStatus {
  const { namespace, name, generation } = metadata;
  return { apiVersion, kind, namespace, name, generation, status };
}

/** A condition that is true unless some fault turns it false; the first fault gives the reason. */
export function conditionOf(type: string, faults: readonly Fault[], reasonTrue = type): Condition {
  const own = faults.filter(({ condition }) => condition === type);
  if (own.length === 0) return { type, status: 'True', reason: reasonTrue, message: messagesTrue[type] ?? '' };
  const message = own.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
  return { type, status: 'False', reason: own[0]!.reason, message };
}

const messagesTrue: Readonly<Record<string, string>> = {
  Accepted: 'nothing is wrong with it',
  ResolvedRefs: 'every reference is resolved',
};

/** HTTPRoute.status: an entry for each parentRef to a Gateway of ours. */
export function routeStatus(
  { object, key, value }: Translated<RouteTranslated>,
  { controllerName, feedback, sent }: RouteInputs,
): ObjectStatus {
  const parents = value.parents.flatMap(({ ref, gateway, listeners, problem }) => {
    if (gateway === undefined) return [];
    const { group = 'gateway.networking.k8s.io', kind = 'Gateway', ...rest } = ref;
    const said = feedback.get(gateway);
    const accepted: Condition = problem
      ? { type: 'Accepted', status: 'False', ...problem }
      : value.isBroken
        ? conditionOf('Accepted', value.faults)
        : conditionOf('Accepted', []);
    const isPartial = !value.isBroken && value.faults.some(({ condition }) => condition === 'Accepted');
    const state: Condition = listeners.some(({ facts }) => sent.has(facts.key))
      ? programmed(programmedType, said, new Set([key]))
      : { type: programmedType, status: 'False', reason: 'Invalid', message: 'no listener serves the route' };
    return [
      {
        parentRef: { group, kind, ...rest },
        controllerName,
        conditions: [
          accepted,
          conditionOf('ResolvedRefs', value.faults),
          ...(isPartial && !problem ? [partiallyInvalid(value.faults)] : []),
          state,
        ],
      },
    ];
  });
  return toStatus(object, { parents });
}

/** Gateway API's condition for a route of which some rules are served as written and some are not. */
function partiallyInvalid(faults: readonly Fault[]): Condition {
  const { reason, message } = conditionOf('Accepted', faults);
  return { type: 'PartiallyInvalid', status: 'True', reason, message };
}

/** Accepted routes by listener key; routes that no rule of can be served do not count. */
export function countAttached(routes: readonly Translated<RouteTranslated>[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { value } of routes) {
    if (value.isBroken) continue;
    const keys = new Set(value.parents.flatMap(({ listeners }) => listeners.map(({ facts }) => facts.key)));
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Status of a backend of our own kinds; `gateways` are those whose proxies hold it. */
export function backendStatus(
  { object, key, faults }: { readonly object: Manifest; readonly key: string; readonly faults: readonly Fault[] },
  gateways: readonly string[],
  { feedback }: StatusInputs,
): ObjectStatus {
  const conditions = [conditionOf('Accepted', faults), conditionOf('ResolvedRefs', faults)];
  return toStatus(object, { conditions: [...conditions, ...programmedEverywhere(key, gateways, feedback)] });
}

/** The worst that any Gateway's proxies say; nothing where none holds it. */
function programmedEverywhere(
  key: string,
  gateways: readonly string[],
  feedback: ReadonlyMap<string, Feedback>,
): Condition[] {
  const said = gateways.map((gateway) => programmed('Programmed', feedback.get(gateway), new Set([key])));
  const worst = (['False', 'Unknown', 'True'] as const).flatMap((status) =>
    said.filter((one) => one.status === status),
  );
  return worst.slice(0, 1);
}

/** A Gateway as the ancestor of a policy. */
export function gatewayRef(key: string): object {
  const { namespace, name } = fromKey(key);
  return { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name };
}
