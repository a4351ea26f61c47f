// One listener with what its references come to: conditions, certificates, and the message that travels.
import {
  type KeyPair,
  type Listener,
  ListenerSchema,
  type ListenerTls,
  ListenerTlsSchema,
  ListenerTls_Mode,
  Listener_Protocol,
} from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { create } from '@bufbuild/protobuf';
import type { Fault, Scope } from '../../translate/scope.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Condition } from '../../world.ts';
import { resolveCertificate } from '../secret/certificate.ts';
import type { FrontendValidation } from './client-validation.ts';
import type { ListenerFacts } from './facts.ts';
import type { Protocol } from './listener.ts';
import { type TlsOptions, readTlsOptions } from './tls-options.ts';

/** A listener with everything that is known of it before any proxy has spoken. */
export interface ListenerTranslated {
  readonly facts: ListenerFacts;
  /** Accepted, ResolvedRefs and Conflicted. */
  readonly conditions: readonly Condition[];
  /** Whether it does what it says once proxies have it. */
  readonly isValid: boolean;
  /** What travels; undefined where nothing does. Also what only refuses travels, so that no other listener takes its place. */
  readonly message: Omit<Listener, 'gateway' | 'addresses'> | undefined;
  /** Mistakes, with paths in the object that it stands in. */
  readonly faults: readonly Fault[];
  /** Keys of the Secrets with its certificates. */
  readonly secrets: readonly string[];
  /** DNS names of its certificates. */
  readonly certificateNames: readonly string[];
}

const wireProtocols: Readonly<Record<Protocol, Listener_Protocol>> = {
  HTTP: Listener_Protocol.HTTP,
  HTTPS: Listener_Protocol.HTTPS,
  TLS: Listener_Protocol.TLS,
  TCP: Listener_Protocol.TCP,
  UDP: Listener_Protocol.UDP,
};

/** Protocols that HTTPS offers by ALPN, the preferred first. */
const httpsAlpn = ['h2', 'http/1.1'];

/** Translates a listener. `validation` is what the Gateway asks of the clients of its port. */
export function translateListener(
  facts: ListenerFacts,
  validation: FrontendValidation | undefined,
  scope: Scope,
): ListenerTranslated {
  const path = `spec.listeners[${facts.index}]`;
  const faults: Fault[] = [];
  const fault = ({ type, reason, message }: Condition, at = path): void => {
    faults.push({ path: at, condition: type, reason, message });
  };
  const tls = facts.mode === undefined || facts.unsupported ? undefined : readTls(facts, path, scope);
  const clients = facts.protocol === 'HTTPS' ? validation : undefined;
  const accepted = facts.unsupported ?? tls?.refusal ?? refusalOf(clients);
  if (accepted) fault(accepted, tls?.refusal === accepted ? `${path}.tls` : path);
  if (facts.strangeKinds) fault(facts.strangeKinds);
  if (facts.conflict) fault(facts.conflict);
  for (const problem of tls?.problems ?? []) faults.push(problem);
  const unresolved = unresolvedOf(facts, tls, clients);
  const conditions = [
    accepted ??
      (facts.conflict
        ? no(facts.conflict.reason, facts.conflict.message)
        : yes('Accepted', 'Accepted', 'the listener is accepted')),
    unresolved ?? yes('ResolvedRefs', 'ResolvedRefs', 'every reference is resolved'),
    facts.conflict ?? {
      type: 'Conflicted',
      status: 'False',
      reason: 'NoConflicts',
      message: 'the listener is distinct',
    },
  ];
  const isServed = facts.isServed && !tls?.refusal && (facts.mode !== 'Terminate' || tls!.pairs.length > 0);
  return {
    facts,
    conditions,
    isValid: isServed && accepted === undefined,
    message: isServed ? toMessage(facts, tls, clients) : undefined,
    faults,
    secrets: isServed ? (tls?.secrets ?? []) : [],
    certificateNames: isServed ? (tls?.names ?? []) : [],
  };
}

/** The certificates and options of a listener. */
interface ReadTls {
  /** Accepted=False where the options cannot be kept. */
  readonly refusal: Condition | undefined;
  readonly options: TlsOptions | undefined;
  readonly pairs: readonly KeyPair[];
  readonly secrets: readonly string[];
  readonly names: readonly string[];
  readonly problems: readonly Fault[];
}

const nothing: ReadTls = {
  refusal: undefined,
  options: undefined,
  pairs: [],
  secrets: [],
  names: [],
  problems: [],
};

function refuse(reason: string, message: string): ReadTls {
  return { ...nothing, refusal: no(reason, message) };
}

function readTls({ spec, owner, mode }: ListenerFacts, path: string, scope: Scope): ReadTls {
  const { certificateRefs = [], options = {} } = spec.tls ?? {};
  const read = readTlsOptions(options);
  if ('problem' in read) return refuse('UnsupportedValue', `tls.options: ${read.problem.key} ${read.problem.message}`);
  const empty: ReadTls = { ...nothing, options: read.options };
  if (mode === 'Passthrough') {
    const isAsked = Object.keys(options).some((key) => key.startsWith('agentgateway.dev/'));
    // The standard lets certificateRefs be ignored here; options of ours would be asked for in vain.
    return isAsked ? refuse('UnsupportedValue', 'tls.options mean nothing where TLS passes') : empty;
  }
  if (certificateRefs.length === 0) return refuse('Invalid', 'tls.certificateRefs must name a Secret');
  const pairs: KeyPair[] = [];
  const secrets = new Set<string>();
  const names = new Set<string>();
  const problems: Fault[] = [];
  for (const [index, ref] of certificateRefs.entries()) {
    const resolved = resolveCertificate(owner, ref, scope);
    if ('problem' in resolved) {
      const { isForbidden, message } = resolved.problem;
      const reason = isForbidden ? 'RefNotPermitted' : 'InvalidCertificateRef';
      problems.push({ path: `${path}.tls.certificateRefs[${index}]`, condition: 'ResolvedRefs', reason, message });
      continue;
    }
    pairs.push(resolved.pair);
    secrets.add(resolved.secret);
    for (const name of resolved.names) names.add(name);
  }
  return { ...empty, pairs, secrets: [...secrets], names: [...names], problems };
}

/** With no certificate of any authority left, nobody can be let in. */
function refusalOf(clients: FrontendValidation | undefined): Condition | undefined {
  return clients && clients.message.invalid !== '' ? no('NoValidCACertificate', clients.message.invalid) : undefined;
}

/** ResolvedRefs=False with every reason, the first of them as the reason. */
function unresolvedOf(
  { strangeKinds }: ListenerFacts,
  tls: ReadTls | undefined,
  clients: FrontendValidation | undefined,
): Condition | undefined {
  const all = [...(strangeKinds ? [strangeKinds] : []), ...(tls?.problems ?? []), ...(clients?.problems ?? [])];
  if (all.length === 0) return undefined;
  const message = all.map((one) => one.message).join('; ');
  return { type: 'ResolvedRefs', status: 'False', reason: all[0]!.reason, message };
}

function toMessage(
  facts: ListenerFacts,
  tls: ReadTls | undefined,
  clients: FrontendValidation | undefined,
): ListenerTranslated['message'] {
  const { name, port, hostname, protocol, owner } = facts;
  return create(ListenerSchema, {
    name,
    port,
    protocol: wireProtocols[protocol!],
    hostname,
    listenerSet: owner.kind === 'ListenerSet' ? keyOf(owner) : '',
    ...(tls && { tls: toTls(facts, tls, clients) }),
  });
}

function toTls({ mode, protocol }: ListenerFacts, tls: ReadTls, clients: FrontendValidation | undefined): ListenerTls {
  if (mode === 'Passthrough') return create(ListenerTlsSchema, { mode: ListenerTls_Mode.PASSTHROUGH });
  return create(ListenerTlsSchema, {
    mode: ListenerTls_Mode.TERMINATE,
    certificates: [...tls.pairs],
    minVersion: tls.options!.minVersion,
    maxVersion: tls.options!.maxVersion,
    cipherSuites: [...tls.options!.cipherSuites],
    alpn: protocol === 'HTTPS' ? httpsAlpn : [],
    ...(clients && { clientValidation: clients.message }),
  });
}

function yes(type: string, reason: string, message: string): Condition {
  return { type, status: 'True', reason, message };
}

function no(reason: string, message: string): Condition {
  return { type: 'Accepted', status: 'False', reason, message };
}
