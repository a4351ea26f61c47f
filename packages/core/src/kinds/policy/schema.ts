// Policy: policies of any kind, attached to targets; assembled from the registry of policies.
import { z } from 'zod';
import { policies } from '../../policy/registry.ts';
import { list, name, oneOf, strict, text } from '../../schema/dialect.ts';

/** A reference to what a policy applies to, in the policy's own namespace. */
export const targetRef = strict({
  group: text(253, 0).default('gateway.networking.k8s.io').describe('Group of the kind.'),
  kind: text(63).describe('Gateway or HTTPRoute.'),
  name: name().describe('Name of the target, which is in the policy’s own namespace.'),
  sectionName: name().optional().describe('A listener or a rule of the target.'),
});

/** Policies a user may write in `Policy.spec`; kinds that only filters can say are left out. */
export const attachablePolicies = Object.values(policies).filter(({ attach }) =>
  attach.some((place) => place !== 'filter'),
);

const kinds: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  attachablePolicies.map(({ kind, schema, summary }) => [kind, schema.optional().describe(summary)]),
);

const targetRefs = () => list(targetRef, 16).min(1);
const rest = {
  mode: oneOf('Defaults', 'Overrides').default('Defaults').describe('Overrides wins over what is attached below.'),
  ...kinds,
};

/** Policy.spec. */
export const policySpec = z.strictObject({
  targetRefs: targetRefs().describe('What the policies apply to.'),
  ...rest,
});

/** Policy.spec as config.yaml says it: without targets it applies to every Gateway. */
export const policyShort = z.strictObject({
  targetRefs: targetRefs().optional().describe('What the policies apply to; every Gateway when left out.'),
  ...rest,
});

/** Policy.spec as parsed; the policies stand beside these fields under their kinds. */
export interface PolicySpecOutput {
  readonly targetRefs: readonly z.output<typeof targetRef>[];
  readonly mode: 'Defaults' | 'Overrides';
  readonly [kind: string]: unknown;
}
