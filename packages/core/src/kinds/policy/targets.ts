// What a policy's targetRefs come to: keys, sections, and what of a policy may be attached there.
import type { Attachable } from '../../policy/define.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import { isOwnGateway } from '../gateway/facts.ts';
import type { GatewaySpec } from '../gateway/schema.ts';
import { gatewayOf } from '../listener-set/parent.ts';
import type { ListenerSetSpec } from '../listener-set/schema.ts';
import type { HttpRouteSpec } from '../http-route/schema.ts';
import { type ServicePortFacts, serviceFacts } from '../service/facts.ts';
import { groupOf, kinds } from '../registry.ts';
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

const targetable = kinds.filter(({ target }) => target !== undefined);

/** Resolves a target; where there is none that is reported. A Gateway of another controller is left alone in silence. */
export function findTarget(policy: Manifest, ref: TargetRef, index: number, scope: Scope): TargetFacts | undefined {
  const { namespace } = policy.metadata;
  const refuse = (reason: string, message: string, field = ''): undefined => {
    scope.fault({ path: `spec.targetRefs[${index}]${field}`, condition: 'Accepted', reason, message });
    return undefined;
  };
  const row = targetable.find(({ kind }) => kind === ref.kind);
  if (!row?.target || groupOf(row) !== ref.group) {
    const hint = row
      ? `; ${ref.kind} is of group '${groupOf(row)}'`
      : `; known: ${targetable.map(({ kind }) => kind).join(', ')}`;
    return refuse('Invalid', `kind ${ref.kind} of group '${ref.group}' cannot be a target${hint}`, '.kind');
  }
  const target = scope.find(ref.kind, namespace, ref.name);
  if (!target) return refuse('TargetNotFound', `${ref.kind} ${namespace}/${ref.name} does not exist`);
  if (!isOurs(target, scope)) return undefined;
  const facts = { ref, index, key: keyOf(target), section: sectionOf(target, ref.sectionName ?? '') };
  if (ref.sectionName === undefined) return { ...facts, place: row.target.whole };
  const sections = sectionsOf(target);
  const { section } = row.target;
  if (!section) return refuse('Invalid', `sections of a ${ref.kind} cannot be targets`, '.sectionName');
  if (!sections.includes(ref.sectionName)) {
    const message = `${ref.kind} ${ref.name} has no ${section.word} ${ref.sectionName}; there are: ${sections.join(', ') || 'none'}`;
    return refuse('TargetNotFound', message, '.sectionName');
  }
  return { ...facts, place: section.place };
}

/** TCP ports: what requests go to. */
function servicePorts(service: Manifest): readonly ServicePortFacts[] {
  return serviceFacts(service).ports.filter(({ transport }) => transport === 'tcp');
}

/** A section as it travels: ports of Services by their number, whose name only the cluster knows. */
function sectionOf(target: Manifest, name: string): string {
  if (target.kind !== 'Service') return name;
  const port = servicePorts(target).find((candidate) => candidate.name === name);
  return name !== '' && port ? String(port.port) : name;
}

/** Whether a target is left to us: every one but Gateways of other controllers, and the sets of those. */
function isOurs(target: Manifest, scope: Scope): boolean {
  if (target.kind === 'Gateway') return isOwnGateway(target, scope);
  const gateway = target.kind === 'ListenerSet' ? gatewayOf(target, scope) : undefined;
  return gateway === undefined || isOwnGateway(gateway, scope);
}

function sectionsOf(target: Manifest): string[] {
  if (target.kind === 'Gateway' || target.kind === 'ListenerSet') {
    const owner = parseObject<GatewaySpec | ListenerSetSpec>(target);
    return owner.ok ? owner.fields.listeners.map(({ name }) => name) : [];
  }
  if (target.kind === 'Service') return servicePorts(target).flatMap(({ name, port }) => [String(port), name]);
  const isRoute = target.kind === 'HTTPRoute' || target.kind === 'GRPCRoute';
  const parsed = isRoute ? parseObject<Pick<HttpRouteSpec, 'rules'>>(target) : undefined;
  return parsed?.ok ? (parsed.fields.rules ?? []).flatMap(({ name }) => name ?? []) : [];
}
