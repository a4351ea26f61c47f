// Manifests as YAML for kubectl; secrets are left empty unless asked for.
import { stringify } from 'yaml';
import type { Manifest } from '../world.ts';

/** Writes manifests as one multi-document text. */
export function eject(manifests: readonly Manifest[], options: { readonly withSecrets: boolean }): string {
  return manifests.map((manifest) => ejectOne(manifest, options.withSecrets)).join('---\n');
}

function ejectOne({ apiVersion, kind, metadata, origin: _origin, ...rest }: Manifest, withSecrets: boolean): string {
  const head = {
    apiVersion,
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      ...(metadata.labels && { labels: metadata.labels }),
    },
  };
  if (kind !== 'Secret' || withSecrets) return stringify({ ...head, ...rest });
  const names = Object.keys({ ...(rest['stringData'] as object | undefined), ...(rest['data'] as object | undefined) });
  return `# Fill in the values, or eject with --with-secrets.\n${stringify({ ...head, stringData: Object.fromEntries(names.map((name) => [name, ''])) })}`;
}
