// Policy.status: an entry for each Gateway through which its targets are reached (GEP-713).
import type { TargetFacts, TargetRef } from '../kinds/policy/targets.ts';
import type { PolicyPart, PolicyTranslated } from '../kinds/policy/translate.ts';
import type { Condition, ObjectStatus } from '../world.ts';
import { programmed, programmedType } from './programmed.ts';
import type { Fault, Translated } from './scope.ts';
import { type StatusInputs, conditionOf, gatewayRef, toStatus } from './status.ts';
import type { View } from './view.ts';

/** `ancestors` holds at most this many entries. */
const ancestorsMax = 16;

/** What a policy's status needs beside its translation. */
export interface PolicyStatusInputs extends StatusInputs {
  readonly views: ReadonlyMap<string, View>;
  readonly refs: readonly TargetRef[];
  /** What the policy's translation said, conflicts included. */
  readonly faults: readonly Fault[];
}

/** The status of a policy. */
export function policyStatus(
  { object, value }: Translated<PolicyTranslated>,
  { controllerName, feedback, views, refs, faults }: PolicyStatusInputs,
): ObjectStatus {
  const keys = new Set(value.parts.map(({ key }: PolicyPart) => key));
  const conditions: Condition[] = [conditionOf('Accepted', faults), conditionOf('ResolvedRefs', faults)];
  const ancestors = new Map<string, object>();
  const add = (ref: object, own: readonly Condition[]): void => {
    ancestors.set(JSON.stringify(ref), { ancestorRef: ref, controllerName, conditions: own });
  };
  const byGateway = new Map<string, boolean>();
  refs.forEach((ref, index) => {
    const target = value.targets.find((candidate: TargetFacts) => candidate.index === index);
    const reached = target ? [...views].filter(([, { held }]) => held.has(target.key)).map(([gateway]) => gateway) : [];
    for (const gateway of reached) byGateway.set(gateway, true);
    // What no Gateway reaches, or what does not exist, stands for itself.
    if (reached.length === 0)
      add({ group: ref.group, kind: ref.kind, namespace: object.metadata.namespace, name: ref.name }, conditions);
  });
  for (const gateway of [...byGateway.keys()].sort()) {
    const isSent = views.get(gateway)!.resources.some(({ key }) => keys.has(key));
    const state: Condition = isSent
      ? programmed(programmedType, feedback.get(gateway), keys)
      : { type: programmedType, status: 'False', reason: 'Invalid', message: 'nothing of it is applied' };
    add(gatewayRef(gateway), [...conditions, state]);
  }
  return toStatus(object, { ancestors: [...ancestors.values()].slice(0, ancestorsMax) });
}
