// ConfigMaps with certificates of authorities under `ca.crt`, as Gateway API refers to them.
import { readCertificates } from '../../schema/pem.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { isPermitted } from '../permission.ts';
import type { ConfigMapFields } from './schema.ts';

/** A reference to certificates of authorities. */
export interface CaReference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** The certificates in PEM, or why there are none: another kind, forbidden, or nothing that can be used. */
export type ResolvedCa =
  | { readonly pem: string }
  | { readonly problem: { readonly what: 'kind' | 'forbidden' | 'unusable'; readonly message: string } };

/** Resolves a reference to certificates of authorities; an absent ConfigMap is wanted. */
export function resolveCa(from: Manifest, ref: CaReference, scope: Scope): ResolvedCa {
  const { group, kind, name, namespace = from.metadata.namespace } = ref;
  if ((group !== '' && group !== 'core') || kind !== 'ConfigMap')
    return refuse('kind', `kind ${kind} of group '${group}' cannot hold certificates of authorities; ConfigMap can`);
  if (!isPermitted(from, { group: '', kind, namespace, name }, scope)) {
    const message = `ConfigMap ${namespace}/${name} is in another namespace, and no ReferenceGrant there permits it`;
    return refuse('forbidden', message);
  }
  const configMap = scope.find('ConfigMap', namespace, name);
  if (!configMap) {
    scope.want({ kind: 'ConfigMap', namespace, name });
    return refuse('unusable', `ConfigMap ${namespace}/${name} does not exist`);
  }
  const parsed = parseObject<ConfigMapFields>(configMap);
  const text = parsed.ok ? parsed.fields.data?.['ca.crt'] : undefined;
  if (text === undefined) return refuse('unusable', `ConfigMap ${namespace}/${name} has no entry 'ca.crt'`);
  const found = readCertificates(text);
  return typeof found === 'string'
    ? refuse('unusable', `ConfigMap ${namespace}/${name}: ca.crt ${found}`)
    : { pem: found.map((certificate) => certificate.toString()).join('') };
}

function refuse(what: 'kind' | 'forbidden' | 'unusable', message: string): ResolvedCa {
  return { problem: { what, message } };
}
