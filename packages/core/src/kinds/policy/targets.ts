// What a policy's targetRefs come to: keys, sections, and what of a policy may be attached there.
import type { Attachable } from '../../policy/define.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import { gatewayFacts, isOwnGateway } from '../gateway/translate.ts';
import type { HttpRouteSpec } from '../http-route/schema.ts';
import type { PolicySpecOutput } from './schema.ts';

/** A reference as users write it. */
export type TargetRef = PolicySpecOutput['targetRefs'][number];

/** A target that exists. */
export interface TargetFacts {
  readonly ref: TargetRef;
  /** Place in `spec.targetRefs`. */
  readonly index: number;
  readonly key: string;
  /** Empty for the whole target. */
  readonly section: string;
  /** What the place counts as for `attach`. */
  readonly place: Attachable;
}

const kinds: Readonly<
  Record<string, { readonly group: string; readonly whole: Attachable; readonly section?: Attachable }>
> = {
  Gateway: { group: 'gateway.networking.k8s.io', whole: 'gateway', section: 'listener' },
  HTTPRoute: { group: 'gateway.networking.k8s.io', whole: 'route', section: 'rule' },
  Service: { group: '', whole: 'service' },
  LLMBackend: { group: 'agentgateway.dev', whole: 'llmBackend' },
  HTTPBackend: { group: 'agentgateway.dev', whole: 'httpBackend' },
};

/** Resolves a target; where there is none that is reported. A Gateway of another controller is left alone in silence. */
export function findTarget(policy: Manifest, ref: TargetRef, index: number, scope: Scope): TargetFacts | undefined {
  const { namespace } = policy.metadata;
  const refuse = (reason: string, message: string, field = ''): undefined => {
    scope.fault({ path: `spec.targetRefs[${index}]${field}`, condition: 'Accepted', reason, message });
    return undefined;
  };
  const row = Object.hasOwn(kinds, ref.kind) ? kinds[ref.kind]! : undefined;
  if (row?.group !== ref.group) {
    const hint = row ? `; ${ref.kind} is of group '${row.group}'` : `; known: ${Object.keys(kinds).join(', ')}`;
    return refuse('Invalid', `kind ${ref.kind} of group '${ref.group}' cannot be a target${hint}`, '.kind');
  }
  const target = scope.find(ref.kind, namespace, ref.name);
  if (!target) return refuse('TargetNotFound', `${ref.kind} ${namespace}/${ref.name} does not exist`);
  if (ref.kind === 'Gateway' && !isOwnGateway(target, scope)) return undefined;
  const facts = { ref, index, key: keyOf(target), section: ref.sectionName ?? '' };
  if (ref.sectionName === undefined) return { ...facts, place: row.whole };
  const sections = sectionsOf(target);
  if (!row.section) return refuse('Invalid', `sections of a ${ref.kind} cannot be targets`, '.sectionName');
  if (!sections.includes(ref.sectionName)) {
    const word = ref.kind === 'Gateway' ? 'listener' : 'named rule';
    const message = `${ref.kind} ${ref.name} has no ${word} ${ref.sectionName}; there are: ${sections.join(', ') || 'none'}`;
    return refuse('TargetNotFound', message, '.sectionName');
  }
  return { ...facts, place: row.section };
}

function sectionsOf(target: Manifest): string[] {
  if (target.kind === 'Gateway') return gatewayFacts(target).listeners.map(({ name }) => name);
  const parsed = target.kind === 'HTTPRoute' ? parseObject<HttpRouteSpec>(target) : undefined;
  return parsed?.ok ? (parsed.fields.rules ?? []).flatMap(({ name }) => name ?? []) : [];
}
