// Every policy: a typed table that does not compile while a protobuf case has no policy; and the names that are reserved.
import { apiKeyAuthentication } from './api-key-authentication.ts';
import { authorization } from './authorization.ts';
import { backendTLS } from './backend-tls.ts';
import { cors } from './cors.ts';
import type { AnyPolicyDefinition, PolicyKind } from './define.ts';
import { headerModifiers } from './header-modifiers.ts';
import { proxyProtocol } from './proxy-protocol.ts';
import { requestRedirect } from './request-redirect.ts';
import { retry } from './retry.ts';
import { timeouts } from './timeouts.ts';
import { transformation } from './transformation.ts';
import { urlRewrite } from './url-rewrite.ts';

/** The policies by kind. */
export const policies: { readonly [K in PolicyKind]: AnyPolicyDefinition<K> } = {
  apiKeyAuthentication,
  authorization,
  cors,
  headerModifiers,
  timeouts,
  retry,
  transformation,
  requestRedirect,
  urlRewrite,
  proxyProtocol,
  backendTLS,
};

/** Names of `Policy.spec` that are spoken for but not built yet: users are told so instead of "unknown". */
export const reservedPolicyNames: readonly string[] = [
  'a2a',
  'accessLog',
  'backendAuth',
  'backendTunnel',
  'basicAuthentication',
  'buffer',
  'compression',
  'connect',
  'csrf',
  'delay',
  'directResponse',
  'externalAuth',
  'externalProcessing',
  'fault',
  'guardrails',
  'health',
  'hostRewrite',
  'http',
  'inferenceRouting',
  'ipAccess',
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
  'sessionAffinity',
  'tcp',
  'tls',
  'tracing',
];
