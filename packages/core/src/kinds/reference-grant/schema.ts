// ReferenceGrant (gateway.networking.k8s.io): who of another namespace may refer to objects of its own.
import type { z } from 'zod';
import { list, name, strict, text } from '../../schema/dialect.ts';

/** ReferenceGrant.spec. */
export const referenceGrantSpec = strict({
  from: list(
    strict({
      group: text(253, 0).describe('Group of the referring kind; empty for the core group.'),
      kind: text(63).describe('The referring kind, such as HTTPRoute, Gateway or ListenerSet.'),
      namespace: name().describe('Namespace of the referring object.'),
    }),
    16,
  )
    .min(1)
    .describe('Who may refer; any one of them.'),
  to: list(
    strict({
      group: text(253, 0).describe('Group of the kind referred to; empty for the core group.'),
      kind: text(63).describe('The kind referred to, such as Service, Secret or ConfigMap.'),
      name: name().optional().describe('The one object that may be referred to; every one of the kind when left out.'),
    }),
    16,
  )
    .min(1)
    .describe('What they may refer to in the grant’s namespace; any one of them.'),
});

/** ReferenceGrant.spec as parsed. */
export type ReferenceGrantSpec = z.output<typeof referenceGrantSpec>;
