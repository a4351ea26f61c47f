// Whether an object may refer to one of another namespace (Gateway API ReferenceGrant).
import { parseObject } from '../translate/parse.ts';
import type { Scope } from '../translate/scope.ts';
import type { Manifest } from '../world.ts';
import type { ReferenceGrantSpec } from './reference-grant/schema.ts';

/** What is referred to. */
export interface ReferencedObject {
  /** Empty or `core` for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Within a namespace always; across namespaces where a grant in the other one says so. An unreadable grant grants nothing. */
export function isPermitted(from: Manifest, to: ReferencedObject, scope: Pick<Scope, 'grantsIn'>): boolean {
  const { namespace } = from.metadata;
  if (namespace === to.namespace) return true;
  const group = from.apiVersion.includes('/') ? from.apiVersion.slice(0, from.apiVersion.indexOf('/')) : '';
  return scope.grantsIn(to.namespace).some((grant) => {
    const parsed = parseObject<ReferenceGrantSpec>(grant);
    return (
      parsed.ok &&
      parsed.fields.from.some(
        (one) => isSameGroup(one.group, group) && one.kind === from.kind && one.namespace === namespace,
      ) &&
      parsed.fields.to.some(
        (one) =>
          isSameGroup(one.group, to.group) && one.kind === to.kind && (one.name === undefined || one.name === to.name),
      )
    );
  });
}

/** `core` is another word for the empty group. */
function isSameGroup(a: string, b: string): boolean {
  return (a === 'core' ? '' : a) === (b === 'core' ? '' : b);
}
