// A rule's own filters: those that act for themselves, and those that are merged with the policies above (contract 1).
import { toBinary } from '@bufbuild/protobuf';
import { type PolicySpec, PolicySpecSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { Environment } from '@agentgateway/core/environment.ts';
import { joinFilters } from '@agentgateway/core/policy/merge.ts';
import { type CompiledSpec, closed, compileSpec, definitionOf, findUnserved } from './compile-spec.ts';

/** What a rule, or its reference to a backend, says in its own fields. */
export interface FilterPart {
  /** Compiled already, in their order: redirects, rewrites, and what closes the rule because it cannot be used. */
  readonly own: readonly CompiledSpec[];
  /** One of each kind that policies can say too. */
  readonly shared: readonly SharedFilter[];
}

/** A filter of a kind that policies can say too. */
export interface SharedFilter {
  readonly spec: PolicySpec;
  /** A function of what it says. */
  readonly version: string;
}

/** Compiles the filters of a rule. One that cannot be used closes it, because nobody knows what it would have kept out. */
export function compileFilters(specs: readonly PolicySpec[], environment: Environment): FilterPart {
  const own: CompiledSpec[] = [];
  const shared = new Map<string, PolicySpec>();
  for (const spec of specs) {
    try {
      if (!isShared(spec)) {
        own.push(compileSpec(spec, environment));
        continue;
      }
      checkShared(spec);
      const kind = spec.kind.case!;
      const before = shared.get(kind);
      shared.set(kind, before ? joinFilters(before, spec) : spec);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const value = closed('a filter of the route', why);
      own.push({ kind: spec.kind.case ?? 'unknown', phase: 'filters', contract: 'step', value });
    }
  }
  return { own, shared: [...shared.values()].map((spec) => ({ spec, version: versionOf(spec) })) };
}

/** Kinds that only filters can say, and kinds that add up, have nothing to be merged with. */
function isShared(spec: PolicySpec): boolean {
  if (spec.kind.case === undefined) return false;
  const { merge, attach } = definitionOf(spec);
  return merge === 'fields' && attach.some((place) => place !== 'filter');
}

/** Throws for what could not be compiled. */
function checkShared(spec: PolicySpec): void {
  const definition = definitionOf(spec);
  const unserved = findUnserved(definition.phase);
  if (unserved !== undefined) throw new Error(unserved);
  const [problem] = definition.check(spec.kind.value as never);
  if (problem) throw new Error(`${problem.path}: ${problem.message}`);
}

function versionOf(spec: PolicySpec): string {
  return Buffer.from(toBinary(PolicySpecSchema, spec)).toString('base64');
}
