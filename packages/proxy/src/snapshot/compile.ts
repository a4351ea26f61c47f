// Resource → part: decoded and checked once per version, seeing no other resource (contract 3).
import { fromBinary } from '@bufbuild/protobuf';
import { EndpointsSchema } from '@agentgateway/api/gen/agentgateway/v1/endpoint_pb.ts';
import type { Listener } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { Policy } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import type { L4Route, Route } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { SecretSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { typeUrls } from '@agentgateway/api/keys.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { compileRouter } from '@agentgateway/core/route/router.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { type BackendEnvironment, compileBackend } from '../backend/registry.ts';
import { type ExternalAuthPart, compileExternalAuth } from '../pipeline/external-auth.ts';
import { type MirrorPart, compileMirror } from '../pipeline/mirror.ts';
import { definitionOf, findUnserved } from './compile-spec.ts';
import { toEntries } from './entries.ts';
import { type FilterPart, compileFilters } from './filters.ts';
import type { BackendCertificate, ListenerPlan } from './snapshot.ts';
import { type KeyPairPlan, type TlsPlan, compileTls, toPair } from './tls-plan.ts';

/** A compiled resource. */
export type Part =
  | {
      readonly kind: 'listener';
      readonly message: Listener;
      readonly protocol: ListenerPlan['protocol'];
      readonly tls: TlsPlan | undefined;
      readonly backendCertificate: BackendCertificate | undefined;
    }
  | { readonly kind: 'route'; readonly message: Route; readonly rules: readonly RulePart[] }
  | { readonly kind: 'l4Route'; readonly message: L4Route }
  | { readonly kind: 'backend'; readonly target: Target }
  | { readonly kind: 'policy'; readonly message: Policy; readonly invalid: string | undefined }
  | { readonly kind: 'endpoints'; readonly addresses: readonly EndpointAddress[] }
  | { readonly kind: 'secret'; readonly entries: ReadonlyMap<string, string> };

/** The filters and mirrors of a rule and of its backend references. */
export interface RulePart {
  readonly filters: FilterPart;
  readonly backendFilters: readonly FilterPart[];
  readonly mirrors: readonly MirrorPart[];
  readonly externalAuth: ExternalAuthPart | undefined;
  readonly backendMirrors: readonly (readonly MirrorPart[])[];
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
      return compileListener(kind.value, environment);
    case 'route':
      checkMatches(resource.key, kind.value);
      return {
        kind: 'route',
        message: kind.value,
        rules: kind.value.rules.map((rule) => ({
          filters: compileFilters(rule.filters, environment),
          backendFilters: rule.backends.map(({ filters }) => compileFilters(filters, environment)),
          externalAuth: rule.externalAuth && compileExternalAuth(rule.externalAuth, environment),
          mirrors: rule.mirrors.map((mirror) => compileMirror(mirror, environment)),
          backendMirrors: rule.backends.map(({ mirrors }) => mirrors.map((one) => compileMirror(one, environment))),
        })),
      };
    case 'l4Route':
      return { kind: 'l4Route', message: kind.value };
    case 'backend':
      return { kind: 'backend', target: compileBackend(resource.key, kind.value, environment) };
    case 'policy':
      return compilePolicy(kind.value);
    default:
      throw new Error('this kind of resource is not known to this version');
  }
}

function compileListener(message: Listener, environment: BackendEnvironment): Part {
  const protocol = protocols.get(message.protocol);
  if (protocol === undefined) throw new Error(`listener protocol ${message.protocol} is not known to this version`);
  const { backendCertificate } = message;
  return {
    kind: 'listener',
    message,
    protocol,
    tls: compileTls(message),
    backendCertificate: backendCertificate && toBackendCertificate(toPair(backendCertificate), environment),
  };
}

function toBackendCertificate({ certificate, key }: KeyPairPlan, environment: BackendEnvironment): BackendCertificate {
  return {
    id: `${certificate.secret}#${certificate.entry} ${key.secret}#${key.entry}`,
    certificate: environment.secret(certificate),
    key: environment.secret(key),
  };
}

const protocols: ReadonlyMap<Listener_Protocol, ListenerPlan['protocol']> = new Map([
  [Listener_Protocol.HTTP, 'HTTP'],
  [Listener_Protocol.HTTPS, 'HTTPS'],
  [Listener_Protocol.TLS, 'TLS'],
  [Listener_Protocol.TCP, 'TCP'],
  [Listener_Protocol.UDP, 'UDP'],
]);

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
  const definition = definitionOf(message.spec);
  const unserved = findUnserved(definition.phase);
  if (unserved !== undefined) {
    if (definition.merge === 'all') return { kind: 'policy', message, invalid: unserved };
    throw new Error(unserved);
  }
  const problems = definition.check(message.spec.kind.value);
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
