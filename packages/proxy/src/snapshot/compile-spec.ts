// A policy's or filter's spec → what runs, by the contract of its phase (contract 2).
import type { PolicySpec } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { Environment } from '@agentgateway/core/environment.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { type Contracts, type Phase, type Step, phases } from '@agentgateway/core/phases.ts';
import type { AnyPolicyDefinition } from '@agentgateway/core/policy/define.ts';
import { policies } from '@agentgateway/core/policy/registry.ts';
import { compileSetting } from '@agentgateway/core/policy/setting.ts';
import type { RuleSettings } from '@agentgateway/core/settings.ts';

/** What a policy spec compiled to, by contract. */
export type CompiledSpec = { readonly kind: string; readonly phase: Phase } & (
  | { readonly contract: 'step'; readonly value: Step }
  | { readonly contract: 'setting'; readonly value: Partial<RuleSettings> }
);

/** Compiles what a policy or filter says. Throws where the case is unknown, or its contract is not kept by this version. */
export function compileSpec(spec: PolicySpec, environment: Environment): CompiledSpec {
  if (spec.kind.case === undefined) throw new Error('this kind of policy is not known to this version');
  const definition = definitionOf(spec);
  const { phase } = definition;
  const kind = spec.kind.case;
  const contract: keyof Contracts = phases[phase];
  switch (contract) {
    case 'step': {
      const value = definition.compile(spec.kind.value, environment) as Step;
      return { kind, phase, contract, value };
    }
    case 'setting':
      return { kind, phase, contract, value: compileSetting(spec, environment) };
    case 'connection':
    case 'attempt':
    case 'guard':
      throw new Error(findUnserved(phase));
  }
}

/** Why policies of a phase cannot be applied: nothing here calls what they compile to. Undefined for all that can. */
export function findUnserved(phase: Phase): string | undefined {
  const contract: keyof Contracts = phases[phase];
  switch (contract) {
    case 'step':
    case 'setting':
      return undefined;
    case 'connection':
    case 'attempt':
    case 'guard':
      return `policies of the phase ${phase} are not applied by this version`;
  }
}

/** Stands in for what restricts and cannot be applied: nothing passes. */
export function closed(what: string, why: string): Step {
  return {
    isMandatory: true,
    request() {
      throw new GatewayError('policy-invalid', `${what} cannot be applied: ${why}`);
    },
  };
}

/** The definition of a spec of a known kind. */
export function definitionOf(spec: PolicySpec): AnyPolicyDefinition {
  return policies[spec.kind.case as keyof typeof policies] as AnyPolicyDefinition;
}
