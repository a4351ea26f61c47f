// ListenerSet: what can be said of it before its Gateway is looked at, which translates its listeners with its own.
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { isOwnGateway } from '../gateway/facts.ts';
import { gatewayOf } from './parent.ts';
import type { ListenerSetSpec } from './schema.ts';

/** Whether a ListenerSet is ours, as its Gateway is; mistakes are reported. */
export function translateListenerSet(set: Manifest, scope: Scope): boolean {
  const parsed = parseObject<ListenerSetSpec>(set);
  if (!parsed.ok) for (const fault of parsed.faults) scope.fault(fault);
  const gateway = gatewayOf(set, scope);
  if (gateway) return isOwnGateway(gateway, scope);
  if (parsed.ok) {
    const { kind = 'Gateway', namespace = set.metadata.namespace, name } = parsed.fields.parentRef;
    const message = `${kind} ${namespace}/${name} does not exist`;
    scope.fault({ path: 'spec.parentRef', condition: 'Accepted', reason: 'ParentNotAccepted', message });
  }
  return false;
}
