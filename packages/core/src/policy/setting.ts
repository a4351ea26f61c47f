// What policies of the contract `setting` compile to, typed by kind.
import type { PolicySpec } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { Environment } from '../environment.ts';
import type { RuleSettings } from '../settings.ts';
import { backendTLS } from './backend-tls.ts';
import { proxyProtocol } from './proxy-protocol.ts';
import { health } from './health.ts';
import { hostRewrite } from './host-rewrite.ts';
import { retry } from './retry.ts';
import { sessionAffinity } from './session-affinity.ts';
import { timeouts } from './timeouts.ts';

/** The settings that a policy gives a value. Throws where its kind is no setting. */
export function compileSetting({ kind }: PolicySpec, environment: Environment): Partial<RuleSettings> {
  switch (kind.case) {
    case 'timeouts':
      return { timeouts: timeouts.compile(kind.value, environment) };
    case 'retry':
      return { retry: retry.compile(kind.value, environment) };
    case 'backendTLS':
      return { backendTLS: backendTLS.compile(kind.value, environment) };
    case 'proxyProtocol':
      return { proxyProtocol: proxyProtocol.compile(kind.value, environment) };
    case 'hostRewrite':
      return { hostRewrite: hostRewrite.compile(kind.value, environment) };
    case 'health':
      return { health: health.compile(kind.value, environment) };
    case 'sessionAffinity':
      return { sessionAffinity: sessionAffinity.compile(kind.value, environment) };
    default:
      throw new Error(`${kind.case ?? 'what it says'} is no setting that this version reads`);
  }
}
