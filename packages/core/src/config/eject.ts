// Manifests as YAML for kubectl; secrets are left empty unless asked for.
import { stringify } from 'yaml';
import { findKind } from '../kinds/registry.ts';
import type { Manifest } from '../world.ts';
import { isDnsSlice } from './services.ts';

/** Writes manifests as one multi-document text. A laptop's look-ups in DNS are left out: a cluster knows its Services' addresses. */
export function eject(manifests: readonly Manifest[], options: { readonly withSecrets: boolean }): string {
  return manifests
    .filter((manifest) => !isDnsSlice(manifest))
    .map((manifest) => ejectOne(manifest, options.withSecrets))
    .join('---\n');
}

function ejectOne({ apiVersion, kind, metadata, origin: _origin, ...rest }: Manifest, withSecrets: boolean): string {
  const { name, namespace, labels, annotations } = metadata;
  const head = {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(!findKind(apiVersion, kind)?.isClusterScoped && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
  };
  if (kind !== 'Secret' || withSecrets) return stringify({ ...head, ...rest });
  const names = Object.keys({ ...(rest['stringData'] as object | undefined), ...(rest['data'] as object | undefined) });
  const stringData = Object.fromEntries(names.map((entry) => [entry, '']));
  return `# Fill in the values, or eject with --with-secrets.\n${stringify({ ...head, stringData })}`;
}
