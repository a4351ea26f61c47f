// A Secret of type kubernetes.io/tls as a certificate and its key: whether it can be used, and a reference to it.
import { createPrivateKey } from 'node:crypto';
import { type KeyPair, KeyPairSchema } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { toKey } from '@agentgateway/api/keys.ts';
import { create } from '@bufbuild/protobuf';
import { namesOf, readCertificates } from '../../schema/pem.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { isPermitted } from '../permission.ts';
import { entriesOf } from './translate.ts';

/** A reference to a Secret as Gateway API writes it (SecretObjectReference). */
export interface CertificateReference {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** What a reference to a certificate came to. */
export type ResolvedCertificate =
  | {
      readonly pair: KeyPair;
      /** Key of the Secret. */
      readonly secret: string;
      /** DNS names of the certificate. */
      readonly names: readonly string[];
    }
  | { readonly problem: { readonly isForbidden: boolean; readonly message: string } };

/** Resolves a reference to a certificate with its key; an absent Secret is wanted. */
export function resolveCertificate(from: Manifest, ref: CertificateReference, scope: Scope): ResolvedCertificate {
  const { group = '', kind = 'Secret', name, namespace = from.metadata.namespace } = ref;
  if ((group !== '' && group !== 'core') || kind !== 'Secret')
    return refuse(`kind ${kind} of group '${group}' cannot hold a certificate; Secret can`);
  if (!isPermitted(from, { group: '', kind, namespace, name }, scope))
    return refuse(`Secret ${namespace}/${name} is in another namespace, and no ReferenceGrant there permits it`, true);
  const secret = scope.find('Secret', namespace, name);
  if (!secret) {
    scope.want({ kind: 'Secret', namespace, name });
    return refuse(`Secret ${namespace}/${name} does not exist`);
  }
  const read = readPair(secret);
  if (typeof read === 'string') return refuse(`Secret ${namespace}/${name}: ${read}`);
  const key = toKey('secret', namespace, name);
  const pair = create(KeyPairSchema, {
    certificate: { secret: key, entry: 'tls.crt' },
    key: { secret: key, entry: 'tls.key' },
  });
  return { pair, secret: key, names: read };
}

function refuse(message: string, isForbidden = false): ResolvedCertificate {
  return { problem: { isForbidden, message } };
}

const known = new WeakMap<Manifest, readonly string[] | string>();

/** The DNS names of the certificate in a Secret; a text says why it cannot be used. Once per object: keys are slow to read. */
function readPair(secret: Manifest): readonly string[] | string {
  const before = known.get(secret);
  if (before !== undefined) return before;
  const read = readEntries(entriesOf(secret));
  known.set(secret, read);
  return read;
}

function readEntries(entries: ReadonlyMap<string, Uint8Array>): readonly string[] | string {
  const [certificate, key] = ['tls.crt', 'tls.key'].map((name) => entries.get(name));
  if (!certificate?.length) return "it has no entry 'tls.crt'";
  if (!key?.length) return "it has no entry 'tls.key'";
  const checked = checkPair(Buffer.from(certificate).toString('utf8'), Buffer.from(key).toString('utf8'));
  return 'problem' in checked
    ? `tls.${checked.in === 'certificate' ? 'crt' : 'key'} ${checked.problem}`
    : checked.names;
}

/** The DNS names of a certificate in PEM, with its chain, whose key fits; else which of the two is wrong, and why. */
export function checkPair(
  certificate: string,
  key: string,
): { readonly names: readonly string[] } | { readonly in: 'certificate' | 'key'; readonly problem: string } {
  const chain = readCertificates(certificate);
  if (typeof chain === 'string') return { in: 'certificate', problem: chain };
  try {
    const isOwn = chain[0]!.checkPrivateKey(createPrivateKey(key));
    return isOwn ? { names: namesOf(chain[0]!) } : { in: 'key', problem: 'does not belong to the first certificate' };
  } catch {
    return { in: 'key', problem: 'holds no private key in PEM that can be read without a passphrase' };
  }
}
