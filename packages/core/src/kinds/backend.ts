// What the kinds that requests are sent to have in common, and how a reference to one is resolved.
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import type { Scope } from '../translate/scope.ts';
import type { Manifest } from '../world.ts';
import type { TakenName } from './llm-backend/references.ts';
import { isPermitted } from './permission.ts';
import { groupOf, kinds } from './registry.ts';
import { serviceFacts } from './service/facts.ts';

/** A translated backend. */
export interface BackendTranslated {
  /** Its own resource and its endpoints; empty where it cannot be served at all. */
  readonly resources: readonly EncodedResource[];
  /** Keys of other backends that it sends to. */
  readonly backends: readonly string[];
  /** Keys of the Secrets that it reads. */
  readonly secrets: readonly string[];
  /** Ports of a Service; undefined where the kind has none. */
  readonly ports: readonly number[] | undefined;
  /** Names that another backend united here serves already. */
  readonly taken?: readonly TakenName[];
}

/** A reference to a backend, as routes write it. */
export interface BackendReference {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly port?: number | undefined;
}

/** What a reference came to: the backend's key and port, or the standard's reason why not. */
export type ResolvedBackend =
  | { readonly key: string; readonly port: number; readonly problem?: undefined }
  | {
      readonly key: string;
      readonly port: number;
      readonly problem: { readonly reason: string; readonly message: string };
    };

/** What is sent to a backend: requests, or what is below them, which only Services take. */
export type BackendUse = 'requests' | 'connections' | 'datagrams';

/** Resolves a reference of an object (Gateway API BackendObjectReference). */
export function resolveBackend(
  from: Manifest,
  reference: BackendReference,
  scope: Scope,
  use: BackendUse = 'requests',
): ResolvedBackend {
  const { kind = 'Service', name, namespace = from.metadata.namespace, port = 0 } = reference;
  const group = reference.group === 'core' ? '' : (reference.group ?? '');
  const key = `${kind.toLowerCase()}/${namespace}/${name}`;
  const refuse = (reason: string, message: string): ResolvedBackend => ({ key, port, problem: { reason, message } });
  const row = kinds.find((candidate) => candidate.kind === kind && candidate.role === 'backend');
  if (!row || groupOf(row) !== group) {
    const near = row ? `; ${kind} is of group '${groupOf(row)}'` : '';
    return refuse('InvalidKind', `kind ${kind} of group '${group}' cannot be a backend${near}`);
  }
  if (use !== 'requests' && kind !== 'Service')
    return refuse('InvalidKind', `kind ${kind} cannot be sent ${use}; only a Service can`);
  if (!isPermitted(from, { group, kind, namespace, name }, scope))
    return refuse('RefNotPermitted', `${kind} ${namespace}/${name} is in another namespace, and nothing permits that`);
  const found = scope.find(kind, namespace, name);
  if (!found) return refuse('BackendNotFound', `${kind} ${namespace}/${name} does not exist`);
  if (kind !== 'Service') return { key, port: 0 };
  const transport = use === 'datagrams' ? 'udp' : 'tcp';
  const ports = serviceFacts(found).ports.filter((candidate) => candidate.transport === transport);
  if (port === 0) return refuse('BackendNotFound', `a port of Service ${namespace}/${name} is required`);
  const match = ports.find((candidate) => candidate.port === port);
  if (!match) {
    const known = ports.map((candidate) => candidate.port).join(', ') || 'none';
    return refuse(
      'BackendNotFound',
      `Service ${namespace}/${name} has no ${transport.toUpperCase()} port ${port}; it has: ${known}`,
    );
  }
  if (match.problem !== undefined && use === 'requests') return refuse('UnsupportedProtocol', match.problem);
  return { key, port };
}
