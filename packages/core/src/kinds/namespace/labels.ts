// Which namespaces a listener or a Gateway takes objects from (Gateway API FromNamespaces).
import { type LabelSelector, isSelected } from '../../schema/label-selector.ts';
import type { Manifest } from '../../world.ts';

/** The label that every namespace has by itself. */
const nameLabel = 'kubernetes.io/metadata.name';

/** Where objects may come from. */
export interface AllowedNamespaces {
  readonly from: 'All' | 'Same' | 'Selector' | 'None';
  readonly selector?: LabelSelector | undefined;
}

/**
 * Whether objects of the namespace `other` are allowed by an owner in the namespace `owner`. Where the Namespace is not in
 * the world, as mostly on a laptop, it has no label but its name.
 */
export function isNamespaceAllowed(
  { from, selector }: AllowedNamespaces,
  { owner, other }: { readonly owner: string; readonly other: string },
  find: (name: string) => Manifest | undefined,
): boolean {
  switch (from) {
    case 'All':
      return true;
    case 'None':
      return false;
    case 'Same':
      return owner === other;
    case 'Selector':
      return selector !== undefined && isSelected(selector, { ...find(other)?.metadata.labels, [nameLabel]: other });
  }
}
