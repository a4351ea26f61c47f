// The CustomResourceDefinition of each of our own kinds, as YAML.
import { createRequire } from 'node:module';
import { kinds } from '../../packages/core/src/kinds/registry.ts';
import { toCrd } from '../../packages/core/src/schema/to-crd.ts';

// The root lists tools only, lest every package could import what it lists; so YAML is taken from where it is a dependency.
const { stringify } = createRequire(new URL('../../packages/core/package.json', import.meta.url))('yaml') as {
  readonly stringify: (
    value: unknown,
    options: { readonly lineWidth: number; readonly aliasDuplicateObjects: boolean },
  ) => string;
};

/** Path → text, one file a CRD. */
export function generateCrds(): Map<string, string> {
  const files = new Map<string, string>();
  for (const { kind, apiVersion, schema, crd } of kinds) {
    if (!crd) continue;
    const [group, version] = apiVersion.split('/') as [string, string];
    const object = toCrd({ kind, group, version, spec: schema, ...crd });
    const text = stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
    files.set(
      `manifests/crds/${crd.resource}.${group}.yaml`,
      `# Generated from the ${kind} schema; do not edit.\n${text}`,
    );
  }
  return files;
}
