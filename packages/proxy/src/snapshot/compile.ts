// Resource → part: decoded and checked once per version, seeing no other resource (contract 3).
import { fromBinary } from '@bufbuild/protobuf';
import { EndpointsSchema } from '@agentgateway/api/gen/agentgateway/v1/endpoint_pb.ts';
import type { Listener } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { Policy, PolicySpec } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import type { Route } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { SecretSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { typeUrls } from '@agentgateway/api/keys.ts';
import type { Environment } from '@agentgateway/core/environment.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { type Phase, type Step, phases } from '@agentgateway/core/phases.ts';
import type { AnyPolicyDefinition } from '@agentgateway/core/policy/define.ts';
import { policies } from '@agentgateway/core/policy/registry.ts';
import { compileRouter } from '@agentgateway/core/route/router.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { type BackendEnvironment, compileBackend } from '../backend/registry.ts';
import { toEntries } from './entries.ts';
import type { PlannedStep, StepPlan } from './snapshot.ts';

/** A compiled resource. */
export type Part =
  | { readonly kind: 'listener'; readonly message: Listener }
  | { readonly kind: 'route'; readonly message: Route; readonly rules: readonly RulePart[] }
  | { readonly kind: 'backend'; readonly target: Target }
  | { readonly kind: 'policy'; readonly message: Policy; readonly invalid: string | undefined }
  | { readonly kind: 'endpoints'; readonly addresses: readonly EndpointAddress[] }
  | { readonly kind: 'secret'; readonly entries: ReadonlyMap<string, string> };

/** The compiled filters of a rule and of its backend references. */
export interface RulePart {
  readonly filters: readonly CompiledSpec[];
  readonly backendFilters: readonly (readonly CompiledSpec[])[];
}

/** What a policy spec compiled to. */
export interface CompiledSpec {
  readonly kind: string;
  readonly phase: Phase;
  readonly value: object;
}

/** Compiles one resource. Throws with a message for the rejection. */
export function compile(resource: EncodedResource, environment: BackendEnvironment): Part {
  switch (resource.typeUrl) {
    case typeUrls.endpoints: {
      const { endpoints } = fromBinary(EndpointsSchema, resource.bytes);
      return { kind: 'endpoints', addresses: endpoints.map(({ address, port }) => ({ address, port })) };
    }
    case typeUrls.secret: {
      const { entries } = fromBinary(SecretSchema, resource.bytes);
      return {
        kind: 'secret',
        entries: new Map(entries.map((entry) => [entry.name, Buffer.from(entry.value).toString()])),
      };
    }
    case typeUrls.resource:
      return compileResource(resource, environment);
  }
}

function compileResource(resource: EncodedResource, environment: BackendEnvironment): Part {
  const { kind } = fromBinary(ResourceSchema, resource.bytes);
  switch (kind.case) {
    case 'listener':
      if (kind.value.protocol !== Listener_Protocol.HTTP)
        throw new Error(`listener protocol ${kind.value.protocol} is not known to this version`);
      return { kind: 'listener', message: kind.value };
    case 'route':
      checkMatches(resource.key, kind.value);
      return {
        kind: 'route',
        message: kind.value,
        rules: kind.value.rules.map((rule) => ({
          filters: rule.filters.map((spec) => compileFilter(spec, environment)),
          backendFilters: rule.backends.map((backend) =>
            backend.filters.map((spec) => compileFilter(spec, environment)),
          ),
        })),
      };
    case 'backend':
      return { kind: 'backend', target: compileBackend(resource.key, kind.value, environment) };
    case 'policy':
      return compilePolicy(kind.value);
    default:
      throw new Error('this kind of resource is not known to this version');
  }
}

/** A match that this version cannot read would match too much: the route is rejected instead. Throws on bad expressions too. */
function checkMatches(key: string, route: Route): void {
  route.rules.forEach((rule, index) => {
    for (const { path, headers, query } of rule.matches)
      if (
        (path && path.match.case === undefined) ||
        [...headers, ...query].some(({ match }) => match.case === undefined)
      )
        throw new Error(`rules[${index}]: this kind of match is not known to this version`);
  });
  for (const { listener } of route.parents.slice(0, 1)) compileRouter(toEntries(listener, key, route, route.rules));
}

/** Policies are compiled when they are merged; here only what stands in their own message is judged. */
function compilePolicy(message: Policy): Part {
  if (message.invalid !== '') return { kind: 'policy', message, invalid: message.invalid };
  if (message.spec?.kind.case === undefined)
    return { kind: 'policy', message, invalid: 'this kind of policy is not known to this version' };
  const problems = definitionOf(message.spec).check(message.spec.kind.value);
  if (problems.length > 0) throw new Error(problems.map(({ path, message: text }) => `${path}: ${text}`).join('; '));
  return { kind: 'policy', message, invalid: undefined };
}

/**
 * A policy that this version cannot use, still attached: what it targets stays closed where it restricts (contract 1).
 * Undefined for any other resource, and where not even its targets can be read.
 */
export function compileRejected(resource: EncodedResource, reason: string): Part | undefined {
  if (resource.typeUrl !== typeUrls.resource) return undefined;
  try {
    const { kind } = fromBinary(ResourceSchema, resource.bytes);
    return kind.case === 'policy' ? { kind: 'policy', message: kind.value, invalid: reason } : undefined;
  } catch {
    return undefined;
  }
}

/** Compiles what a policy or filter says. Throws where the case is unknown. */
export function compileSpec(spec: PolicySpec, environment: Environment): CompiledSpec {
  if (spec.kind.case === undefined) throw new Error('this kind of policy is not known to this version');
  const definition = definitionOf(spec);
  return {
    kind: spec.kind.case,
    phase: definition.phase,
    value: definition.compile(spec.kind.value, environment),
  };
}

/** A filter; one that cannot be used closes its rule, because nobody knows what it would have kept out. */
function compileFilter(spec: PolicySpec, environment: Environment): CompiledSpec {
  try {
    return compileSpec(spec, environment);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: spec.kind.case ?? 'unknown', phase: 'filters', value: closed('a filter of the route', why) };
  }
}

/** Stands in for what restricts and cannot be applied: nothing passes. */
export function closed(what: string, why: string): Step {
  return {
    request() {
      throw new GatewayError('policy-invalid', `${what} cannot be applied: ${why}`);
    },
  };
}

function definitionOf(spec: PolicySpec): AnyPolicyDefinition {
  return policies[spec.kind.case as keyof typeof policies] as AnyPolicyDefinition;
}

/** Whether a compiled spec acts as a step of the pipeline. */
export function isStep(compiled: CompiledSpec): compiled is CompiledSpec & { readonly value: Step } {
  return phases[compiled.phase] === 'step';
}

/** Sums up what the plan's steps need. */
export function toStepPlan(steps: readonly PlannedStep[]): StepPlan {
  return {
    steps,
    readsRequestBody: steps.some(({ step }) => step.readsRequestBody === true),
    readsResponseBody: steps.some(({ step }) => step.readsResponseBody === true),
  };
}
