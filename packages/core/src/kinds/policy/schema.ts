// Policy: policies of any kind, attached to targets; assembled from the registry of policies.
import { z } from 'zod';
import { policies } from '../../policy/registry.ts';
import { list, name, oneOf, strict, text } from '../../schema/dialect.ts';

/** A reference to what a policy applies to, in the policy's own namespace. */
export const targetRef = strict({
  group: text(253).min(0).default('gateway.networking.k8s.io'),
  kind: text(63),
  name: name(),
  sectionName: name().optional().describe('A listener or a rule of the target.'),
});

/** Policies a user may write in `Policy.spec`; kinds that only filters can say are left out. */
export const attachablePolicies = Object.values(policies).filter(({ attach }) =>
  attach.some((place) => place !== 'filter'),
);

const kinds: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  attachablePolicies.map(({ kind, schema, summary }) => [kind, schema.optional().describe(summary)]),
);

/** Policy.spec. */
export const policySpec = z.strictObject({
  targetRefs: list(targetRef, 16).min(1).describe('What the policies apply to.'),
  mode: oneOf('Defaults', 'Overrides').default('Defaults').describe('Overrides wins over what is attached below.'),
  ...kinds,
});

/** Policy.spec as parsed; the policies stand beside these fields under their kinds. */
export interface PolicySpecOutput {
  readonly targetRefs: readonly z.output<typeof targetRef>[];
  readonly mode: 'Defaults' | 'Overrides';
  readonly [kind: string]: unknown;
}
