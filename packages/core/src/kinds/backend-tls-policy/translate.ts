// BackendTLSPolicy → the policy `backendTLS` on Services; whatever is wrong with it closes them (Gateway API BackendTLSPolicy).
import {
  PolicySpecSchema,
  type TLSValidation,
  TLSValidationSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { create } from '@bufbuild/protobuf';
import { closedValidation, subjectAltNameProblems, toSubjectAltName } from '../../policy/backend-tls.ts';
import { hostnameProblems } from '../../policy/check.ts';
import { certificateProblem } from '../../policy/pem.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import { toEpochMs } from '../../translate/time.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import { type TargetFacts, findTarget } from '../policy/targets.ts';
import type { PolicyTranslated } from '../policy/translate.ts';
import type { BackendTLSPolicySpec } from './schema.ts';

type Validation = BackendTLSPolicySpec['validation'];

/** Translates a BackendTLSPolicy. */
export function translateBackendTLSPolicy(policy: Manifest, scope: Scope): PolicyTranslated {
  const parsed = parseObject<BackendTLSPolicySpec>(policy);
  const faults: Fault[] = [];
  let validation: TLSValidation | undefined;
  if (parsed.ok) validation = toValidation(policy, parsed.fields, faults, scope);
  else faults.push(...parsed.faults);
  for (const fault of faults) scope.fault(fault);
  const targets = parsed.ok
    ? parsed.fields.targetRefs.flatMap((ref, index) => serviceTarget(policy, ref, index, scope) ?? [])
    : readableTargets(policy, scope);
  const why = faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
  const value = { validation: faults.length > 0 ? closedValidation(why) : validation! };
  return {
    parts: [
      {
        key: keyOf(policy),
        kind: 'backendTLS',
        isRestricting: false,
        createdMs: toEpochMs(policy.metadata.creationTimestamp) ?? 0,
        mode: 'Defaults',
        targets,
        spec: create(PolicySpecSchema, { kind: { case: 'backendTLS', value } }),
        invalid: undefined,
        secrets: [],
      },
    ],
    targets,
  };
}

function serviceTarget(
  policy: Manifest,
  ref: BackendTLSPolicySpec['targetRefs'][number],
  index: number,
  scope: Scope,
): TargetFacts | undefined {
  if (ref.kind === 'Service' && (ref.group === '' || ref.group === 'core'))
    return findTarget(policy, { ...ref, group: '' }, index, scope);
  scope.fault({
    path: `spec.targetRefs[${index}].kind`,
    condition: 'Accepted',
    reason: 'Invalid',
    message: `kind ${ref.kind} of group '${ref.group}' cannot be a target; only a Service can`,
  });
  return undefined;
}

/** The Services that a policy names which cannot be read: whole, so that too much is closed rather than too little. */
function readableTargets(policy: Manifest, scope: Scope): TargetFacts[] {
  const { targetRefs } = (policy.spec ?? {}) as { targetRefs?: unknown };
  const quiet: Scope = { ...scope, fault: () => {} };
  return (Array.isArray(targetRefs) ? (targetRefs as unknown[]) : []).flatMap((ref, index) => {
    const { name } = (ref ?? {}) as { name?: unknown };
    if (typeof name !== 'string') return [];
    return findTarget(policy, { group: '', kind: 'Service', name }, index, quiet) ?? [];
  });
}

function toValidation(policy: Manifest, spec: BackendTLSPolicySpec, faults: Fault[], scope: Scope): TLSValidation {
  const { hostname, subjectAltNames = [] } = spec.validation;
  const refuse = (path: string, message: string): void => {
    faults.push({ path: `spec.${path}`, condition: 'Accepted', reason: 'Invalid', message });
  };
  for (const option of Object.keys(spec.options ?? {})) refuse(`options.${option}`, 'is no option that is known');
  for (const { message } of hostnameProblems(hostname, '')) refuse('validation.hostname', message);
  subjectAltNames.forEach((alternative, index) => {
    for (const { path, message } of subjectAltNameProblems(alternative))
      refuse(`validation.subjectAltNames[${index}].${path}`, message);
  });
  return create(TLSValidationSchema, {
    serverName: hostname,
    caCertificates: readAuthorities(policy, spec.validation, faults, { refuse, scope }),
    subjectAltNames: subjectAltNames.map(toSubjectAltName),
  });
}

/** The certificates that are trusted; none where that is what the system trusts. */
function readAuthorities(
  { metadata: { namespace } }: Manifest,
  { caCertificateRefs = [], wellKnownCACertificates = '' }: Validation,
  faults: Fault[],
  { refuse, scope }: { readonly refuse: (path: string, message: string) => void; readonly scope: Scope },
): string[] {
  if (wellKnownCACertificates !== '' && wellKnownCACertificates !== 'System')
    refuse('validation.wellKnownCACertificates', `${wellKnownCACertificates} is not known; known: System`);
  if (caCertificateRefs.length > 0 === (wellKnownCACertificates !== ''))
    refuse('validation', 'exactly one of caCertificateRefs and wellKnownCACertificates must be set');
  const found = caCertificateRefs.map((ref, index): string | undefined => {
    const path = `spec.validation.caCertificateRefs[${index}]`;
    const read = readBundle(ref, namespace, scope);
    if ('pem' in read) return read.pem;
    faults.push({ path, condition: 'ResolvedRefs', ...read });
    return undefined;
  });
  if (found.length > 0 && found.every((pem) => pem === undefined))
    faults.push({
      path: 'spec.validation.caCertificateRefs',
      condition: 'Accepted',
      reason: 'NoValidCACertificate',
      message: 'none of them can be used',
    });
  return found.filter((pem) => pem !== undefined);
}

type Unread = { readonly reason: string; readonly message: string };

function refuse(message: string): Unread {
  return { reason: 'InvalidCACertificateRef', message };
}

/** Entry of a ConfigMap that holds a bundle. */
const bundleEntry = 'ca.crt';

function readBundle(
  { group, kind, name }: NonNullable<Validation['caCertificateRefs']>[number],
  namespace: string,
  scope: Scope,
): { readonly pem: string } | Unread {
  if (kind !== 'ConfigMap' || (group !== '' && group !== 'core'))
    return {
      reason: 'InvalidKind',
      message: `kind ${kind} of group '${group}' cannot hold certificates; a ConfigMap can`,
    };
  const found = scope.find('ConfigMap', namespace, name);
  if (!found) {
    scope.want({ kind: 'ConfigMap', namespace, name });
    return refuse(`ConfigMap ${namespace}/${name} does not exist`);
  }
  const pem = (found['data'] as Record<string, unknown> | undefined)?.[bundleEntry];
  if (typeof pem !== 'string') return refuse(`ConfigMap ${namespace}/${name} has no entry ${bundleEntry}`);
  const problem = certificateProblem(pem);
  return problem === undefined ? { pem } : refuse(`${bundleEntry} of ConfigMap ${namespace}/${name} ${problem}`);
}
