// The Gateway that a ListenerSet adds to.
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import type { ListenerSetSpec } from './schema.ts';

const gatewayApi = 'gateway.networking.k8s.io';

/** The Gateway that a ListenerSet names; undefined where there is none, or the set cannot be read. */
export function gatewayOf(set: Manifest, scope: Pick<Scope, 'find'>): Manifest | undefined {
  const parsed = parseObject<ListenerSetSpec>(set);
  if (!parsed.ok) return undefined;
  const { group = gatewayApi, kind = 'Gateway', name, namespace } = parsed.fields.parentRef;
  if (group !== gatewayApi || kind !== 'Gateway') return undefined;
  return scope.find('Gateway', namespace ?? set.metadata.namespace, name);
}
