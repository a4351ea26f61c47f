// Every policy: a typed table that does not compile while a protobuf case has no policy; and the names that are reserved.
import { apiKeyAuthentication } from './api-key-authentication.ts';
import { authorization } from './authorization.ts';
import { backendTLS } from './backend-tls.ts';
import { buffer } from './buffer.ts';
import { cors } from './cors.ts';
import { csrf } from './csrf.ts';
import type { AnyPolicyDefinition, PolicyKind } from './define.ts';
import { delay } from './delay.ts';
import { directResponse } from './direct-response.ts';
import { fault } from './fault.ts';
import { headerModifiers } from './header-modifiers.ts';
import { proxyProtocol } from './proxy-protocol.ts';
import { health } from './health.ts';
import { hostRewrite } from './host-rewrite.ts';
import { ipAccess } from './ip-access.ts';
import { requestRedirect } from './request-redirect.ts';
import { retry } from './retry.ts';
import { sessionAffinity } from './session-affinity.ts';
import { timeouts } from './timeouts.ts';
import { transformation } from './transformation.ts';
import { urlRewrite } from './url-rewrite.ts';

/** The policies by kind. */
export const policies: { readonly [K in PolicyKind]: AnyPolicyDefinition<K> } = {
  apiKeyAuthentication,
  authorization,
  cors,
  ipAccess,
  csrf,
  headerModifiers,
  timeouts,
  retry,
  hostRewrite,
  health,
  sessionAffinity,
  buffer,
  transformation,
  requestRedirect,
  urlRewrite,
  proxyProtocol,
  backendTLS,
  delay,
  fault,
  directResponse,
};

/** Names of `Policy.spec` that are spoken for but not built yet: users are told so instead of "unknown". */
export const reservedPolicyNames: readonly string[] = [
  'a2a',
  'accessLog',
  'backendAuth',
  'backendTunnel',
  'basicAuthentication',
  'compression',
  'connect',
  'externalAuth',
  'externalProcessing',
  'guardrails',
  'http',
  'inferenceRouting',
  'jwtAuthentication',
  'llm',
  'mcp',
  'mcpAuthentication',
  'mcpAuthorization',
  'mcpGuardrails',
  'metrics',
  'networkAuthorization',
  'oidc',
  'promptCaching',
  'promptEnrichment',
  'rateLimit',
  'requestMirror',
  'tcp',
  'tls',
  'tracing',
];
