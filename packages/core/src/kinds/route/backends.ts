// What a route's references to backends come to: shares of its requests, and who gets copies of them.
import type { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import {
  type Mirror,
  MirrorSchema,
  type WeightedBackend,
  WeightedBackendSchema,
} from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import type { Fault, Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { type BackendReference, type BackendUse, resolveBackend } from '../backend.ts';

/** Where a reference stands. */
export interface ReferencePlace {
  readonly route: Manifest;
  readonly path: string;
  readonly scope: Scope;
  /** Spoken to backends that do not say what they speak. */
  readonly protocol: UpstreamProtocol;
  /** Requests when left out. */
  readonly use?: BackendUse;
}

/** A reference's share; one that cannot be served keeps it, and answers it with an error. */
export function toWeighted(
  reference: BackendReference & { readonly weight: number },
  { route, path, scope, protocol, use }: ReferencePlace,
): { readonly message: WeightedBackend; readonly faults: readonly Fault[] } {
  const { key, port, problem } = resolveBackend(route, reference, scope, use);
  const faults: Fault[] = problem ? [{ path, condition: 'ResolvedRefs', ...problem }] : [];
  const message = create(WeightedBackendSchema, {
    backend: problem ? '' : key,
    port: problem ? 0 : port,
    weight: reference.weight,
    invalid: problem?.message ?? '',
    ...(problem === undefined && { protocol }),
  });
  return { message, faults };
}

/** A RequestMirror filter as written (Gateway API HTTPRequestMirrorFilter). */
export interface MirrorSpec {
  readonly backendRef: BackendReference;
  readonly percent?: number | undefined;
  readonly fraction?: { readonly numerator: number; readonly denominator?: number | undefined } | undefined;
}

/** Who gets copies. A reference that does not resolve gets none, and the requests themselves go on. */
export function toMirror(
  { backendRef, percent, fraction }: MirrorSpec,
  { route, path, scope, protocol }: ReferencePlace,
): { readonly message: Mirror | undefined; readonly faults: readonly Fault[] } {
  const refuse = (at: string, message: string) => ({
    message: undefined,
    faults: [{ path: `${path}.${at}`, condition: 'Accepted', reason: 'UnsupportedValue', message }],
  });
  if (percent !== undefined && fraction) return refuse('percent', 'only one of percent and fraction may be set');
  const { numerator = percent ?? 100, denominator = 100 } = fraction ?? {};
  if (numerator > denominator) return refuse('fraction.numerator', 'must not be greater than denominator');
  const { key, port, problem } = resolveBackend(route, backendRef, scope);
  if (problem)
    return { message: undefined, faults: [{ path: `${path}.backendRef`, condition: 'ResolvedRefs', ...problem }] };
  return { message: create(MirrorSchema, { backend: key, port, numerator, denominator, protocol }), faults: [] };
}
