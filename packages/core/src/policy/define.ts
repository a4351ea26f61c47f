// A policy is one definition: what users write, what travels, what it compiles to (DESIGN §6).
import type { PolicySpec } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { z } from 'zod';
import type { Environment, SecretReference } from '../environment.ts';
import type { ContractOf, Phase, phases } from '../phases.ts';
import type { RuleSettings } from '../settings.ts';

type SpecCase = Extract<PolicySpec['kind'], { case: string }>;

/** The kinds of policy: the names of the protobuf oneof's cases, which are the names in `Policy.spec`. */
export type PolicyKind = SpecCase['case'];

/** The protobuf message of a kind. */
export type PolicyMessage<K extends PolicyKind> = Extract<SpecCase, { case: K }>['value'];

/** What policies of a kind and phase compile to; a setting has a place of its own name among the settings of a rule. */
export type CompiledOf<K extends PolicyKind, P extends Phase> = (typeof phases)[P] extends 'setting'
  ? K extends keyof RuleSettings
    ? NonNullable<RuleSettings[K]>
    : never
  : ContractOf<P>;

/** What a policy may be attached to. `filter` marks what only a route's own filters can say. */
export type Attachable =
  | 'gateway'
  | 'listener'
  | 'route'
  | 'rule'
  | 'l4Route'
  | 'service'
  | 'servicePort'
  | 'llmBackend'
  | 'httpBackend'
  | 'filter';

/** A mistake in a policy, found without looking at anything else. */
export interface Problem {
  /** Path below the policy's own field, such as `rules[0].expression`. */
  readonly path: string;
  readonly message: string;
}

/** How a policy's translate reaches what its spec refers to. */
export interface References {
  /** A `secret()` field as a reference; a mistake is reported and undefined given. */
  secret(value: SecretInput, path: string): SecretReference | undefined;
  /** The current value behind a `secret()` field, for kinds that hash it at once; undefined and reported if it is missing. */
  secretText(value: SecretInput, path: string): string | undefined;
  /** An RFC 3339 time in milliseconds since the epoch. */
  toEpochMs(time: string): number;
  /** Reports a mistake at a path below the policy's field. */
  problem(path: string, message: string): void;
}

/** What a `secret()` field holds after expansion: a reference to one entry of a Secret of the same namespace. */
export interface SecretInput {
  readonly secretRef: { readonly name: string; readonly key: string };
}

/** One kind of policy, top to bottom. */
export interface PolicyDefinition<K extends PolicyKind, P extends Phase, Schema extends z.ZodType> {
  readonly kind: K;
  /** One sentence for docs and forms. */
  readonly summary: string;
  readonly phase: P;
  readonly attach: readonly Attachable[];
  /** `all`: every attached one applies and none can be removed from below (restricting). `fields`: the most specific wins, field by field. */
  readonly merge: 'all' | 'fields';
  /** What users write. */
  readonly schema: Schema;
  /** To protobuf; references resolved, mistakes reported to `references`. */
  translate(spec: z.output<Schema>, references: References): PolicyMessage<K>;
  /** Pure checks of the message: CEL, regular expressions, ranges. Run by translate, so that a proxy's rejection is never a user's mistake. */
  check(message: PolicyMessage<K>): readonly Problem[];
  /** Two filters of one rule as one that does what the first and then the second would; where it is left out the second's fields win. */
  join?(first: PolicyMessage<K>, second: PolicyMessage<K>): PolicyMessage<K>;
  /**
   * What stands in for a policy that cannot be applied, where leaving it out would open what it closes. Left out where it
   * would not, and for restricting kinds, which close everything by themselves.
   */
  closed?(why: string): PolicyMessage<K>;
  /** Once per change; returns closures that run per request. */
  compile(message: PolicyMessage<K>, environment: Environment): CompiledOf<K, P>;
}

/** A definition whose own types are not known to the reader. */
export interface AnyPolicyDefinition<K extends PolicyKind = PolicyKind> {
  readonly kind: K;
  readonly summary: string;
  readonly phase: Phase;
  readonly attach: readonly Attachable[];
  readonly merge: 'all' | 'fields';
  readonly schema: z.ZodType;
  translate(spec: never, references: References): PolicyMessage<K>;
  check(message: PolicyMessage<K>): readonly Problem[];
  join?(first: PolicyMessage<K>, second: PolicyMessage<K>): PolicyMessage<K>;
  closed?(why: string): PolicyMessage<K>;
  compile(message: PolicyMessage<K>, environment: Environment): object;
}

/** Defines a policy; only types happen here. */
export function definePolicy<K extends PolicyKind, P extends Phase, Schema extends z.ZodType>(
  definition: PolicyDefinition<K, P, Schema>,
): PolicyDefinition<K, P, Schema> {
  return definition;
}
