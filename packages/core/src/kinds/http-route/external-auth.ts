// The ExternalAuth filter → who is asked, and what wrong there is with it (Gateway API HTTPExternalAuthFilter, GEP-1494).
import {
  type ExternalAuth,
  ExternalAuth_Protocol,
  ExternalAuthSchema,
} from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import { headerNameProblems } from '../../policy/check.ts';
import { modifierProblems, toPathModifier } from '../../policy/path-modifier.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { resolveBackend } from '../backend.ts';
import type { HttpRouteFilter } from './schema.ts';

/** Translates the filter; without a message nothing may pass. */
export function toExternalAuth(
  spec: NonNullable<HttpRouteFilter['externalAuth']>,
  { route, path, scope }: { readonly route: Manifest; readonly path: string; readonly scope: Scope },
): { readonly message: ExternalAuth | undefined; readonly faults: readonly Fault[] } {
  const { protocol, backendRef, http = {}, grpc = {}, forwardBody } = spec;
  const faults: Fault[] = [];
  const refuse = (at: string, message: string): void => {
    faults.push({ path: `${path}.${at}`, condition: 'Accepted', reason: 'UnsupportedValue', message });
  };
  const isHttp = protocol === 'HTTP';
  if (spec.http && !isHttp) refuse('http', 'belongs to another protocol than GRPC');
  if (spec.grpc && isHttp) refuse('grpc', 'belongs to another protocol than HTTP');
  const names = (list: readonly string[] = [], at: string): string[] => {
    list.forEach((name, index) => {
      for (const { message } of headerNameProblems(name, '')) refuse(`${at}[${index}]`, message);
    });
    return [...new Set(list.map((name) => name.toLowerCase()))].sort();
  };
  const prefix = http.path ?? '';
  if (prefix !== '' && !prefix.startsWith('/')) refuse('http.path', 'must begin with /');
  for (const { message } of modifierProblems(toPathModifier({ type: 'ReplaceFullPath', replaceFullPath: prefix }), ''))
    refuse('http.path', message);
  const requestHeaders = isHttp
    ? names(http.allowedHeaders, 'http.allowedHeaders')
    : names(grpc.allowedHeaders, 'grpc.allowedHeaders');
  const responseHeaders = names(http.allowedResponseHeaders, 'http.allowedResponseHeaders');
  const { key, port, problem } = resolveBackend(route, backendRef, scope);
  if (problem) faults.push({ path: `${path}.backendRef`, condition: 'ResolvedRefs', ...problem });
  if (faults.length > 0) return { message: undefined, faults };
  const message = create(ExternalAuthSchema, {
    backend: key,
    port,
    protocol: isHttp ? ExternalAuth_Protocol.HTTP : ExternalAuth_Protocol.GRPC,
    pathPrefix: prefix.replace(/\/$/, ''),
    requestHeaders,
    responseHeaders,
    bodyBytesMax: forwardBody?.maxSize ?? 0,
  });
  return { message, faults };
}
