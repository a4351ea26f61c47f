// Whether an object may refer to one of another namespace (Gateway API ReferenceGrant).
import type { Scope } from '../translate/scope.ts';
import type { Manifest } from '../world.ts';

/** What is referred to. */
export interface ReferencedObject {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Within a namespace always; across namespaces only where a grant in the other one says so, and no grants are read yet. */
export function isPermitted(from: Manifest, to: ReferencedObject, _scope: Scope): boolean {
  return from.metadata.namespace === to.namespace;
}
