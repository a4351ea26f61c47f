// Secret → the one message that holds secret material, and the one way to read an entry (contract 4).
import { type EncodedResource, toKey } from '@agentgateway/api/keys.ts';
import { encodeSecret } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import type { SecretFields } from './schema.ts';

const base64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

/** Translates a Secret. Views take it only where something in them refers to it. */
export function translateSecret(secret: Manifest, scope: Scope): EncodedResource {
  const parsed = parseObject<SecretFields>(secret);
  if (!parsed.ok) for (const fault of parsed.faults) scope.fault(fault);
  const { data = {} } = parsed.ok ? parsed.fields : {};
  for (const [name, value] of Object.entries(data))
    if (!base64.test(value))
      scope.fault({ path: `data.${name}`, condition: 'Accepted', reason: 'Invalid', message: 'is not base64' });
  const entries = [...entriesOf(secret)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => ({ name, value }));
  return encodeSecret(toKey('secret', secret.metadata.namespace, secret.metadata.name), { entries });
}

/** The entries of a Secret; `stringData` wins, as in a cluster. */
export function entriesOf(secret: Manifest): Map<string, Uint8Array> {
  const parsed = parseObject<SecretFields>(secret);
  const { data = {}, stringData = {} } = parsed.ok ? parsed.fields : {};
  const entries = new Map<string, Uint8Array>();
  for (const [name, value] of Object.entries(data))
    if (base64.test(value)) entries.set(name, Buffer.from(value, 'base64'));
  for (const [name, value] of Object.entries(stringData)) entries.set(name, Buffer.from(value, 'utf8'));
  return entries;
}

/** What a `secret()` field refers to. */
export interface SecretLookup {
  readonly namespace: string;
  readonly name: string;
  readonly entry: string;
}

/** The text of an entry; where it is missing or empty that is reported at the path, and an absent Secret is wanted. */
export function readSecret({ namespace, name, entry }: SecretLookup, path: string, scope: Scope): string | undefined {
  const secret = scope.find('Secret', namespace, name);
  const missing = (message: string): undefined => {
    scope.fault({ path, condition: 'ResolvedRefs', reason: 'SecretNotFound', message });
    return undefined;
  };
  if (!secret) {
    scope.want({ kind: 'Secret', namespace, name });
    return missing(`Secret ${namespace}/${name} does not exist`);
  }
  const value = entriesOf(secret).get(entry);
  if (!value) return missing(`Secret ${namespace}/${name} has no entry '${entry}'`);
  // An empty credential is a form that nobody filled in; hashed, it would admit callers without one.
  if (value.length === 0) return missing(`entry '${entry}' of Secret ${namespace}/${name} is empty`);
  return Buffer.from(value).toString('utf8');
}
