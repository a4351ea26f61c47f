// What a laptop's configuration leaves out: the gateway, the routes, and without any backend the echo model and what the environment offers.
import { findProviders } from '@agentgateway/llm/provider/provider.ts';
import { kindNamed, ownApiVersion } from '../kinds/registry.ts';
import type { Manifest } from '../world.ts';
import type { ConfigProblem } from './problem.ts';
import { dnsSlices } from './services.ts';

/** A manifest, and whether it was written in the short form, which may leave things out. */
export interface LoadedItem {
  readonly manifest: Manifest;
  readonly isShort: boolean;
}

/** A route's match is one of at most this many of its rule (Gateway API). */
const matchesPerRuleMax = 64;

const gatewayApiVersion = 'gateway.networking.k8s.io/v1';
const origin = { file: '(default)', line: 1, pathPrefix: '' };
const metadata = (name: string): Manifest['metadata'] => ({
  name,
  namespace: 'default',
  generation: 1,
  creationTimestamp: '1970-01-01T00:00:00.000Z',
});

/** Adds what was left out. */
export function addDefaults(
  items: readonly LoadedItem[],
  env: Readonly<Record<string, string>>,
): { readonly manifests: Manifest[]; readonly problems: ConfigProblem[] } {
  const all = [...items];
  const has = (kind: string): boolean => all.some(({ manifest }) => manifest.kind === kind);
  const add = (...manifests: Manifest[]): void => {
    for (const manifest of manifests) all.push({ manifest, isShort: true });
  };
  if (!has('Gateway')) {
    const listener = { name: 'http', port: 3000, protocol: 'HTTP' };
    const spec = { gatewayClassName: 'agentgateway', listeners: [listener] };
    add({
      apiVersion: gatewayApiVersion,
      kind: 'Gateway',
      metadata: metadata(freeName('default', 'Gateway', all)),
      spec,
      origin,
    });
  }
  if (!has('HTTPRoute') && !has('GRPCRoute')) {
    if (!has('LLMBackend') && !has('HTTPBackend') && !has('Service')) add(...embedded(env));
    add(...llmRoute(all));
  }
  const gateways = all.map(({ manifest }) => manifest).filter(({ kind }) => kind === 'Gateway');
  const problems: ConfigProblem[] = [];
  const manifests = all.map(({ manifest, isShort }) =>
    isShort ? withTargets(withParents(manifest, gateways), gateways, problems) : manifest,
  );
  return { manifests: [...manifests, ...dnsSlices(manifests)], problems };
}

/** The route to the LLM backends: several are served as one, through an LLMBackend that includes them. */
function llmRoute(items: readonly LoadedItem[]): Manifest[] {
  const backends = items.map(({ manifest }) => manifest).filter(({ kind }) => kind === 'LLMBackend');
  if (backends.length === 0) return [];
  const made: Manifest[] = [];
  let served = backends[0]!;
  if (backends.length > 1) {
    const includes = backends.map(({ metadata: { name, namespace } }) => ({
      name,
      ...(namespace !== 'default' && { namespace }),
    }));
    const name = freeName('all', 'LLMBackend', items);
    served = { apiVersion: ownApiVersion, kind: 'LLMBackend', metadata: metadata(name), spec: { includes }, origin };
    made.push(served);
  }
  const names = backends.flatMap(({ spec }) => (spec as { providers?: { name: string }[] }).providers ?? []);
  const paths = ['/v1', ...new Set(names.map(({ name }) => `/${name}/v1`))];
  const { name, namespace } = served.metadata;
  const backendRef = {
    group: 'agentgateway.dev',
    kind: 'LLMBackend',
    name,
    ...(namespace !== 'default' && { namespace }),
  };
  const rules = [];
  for (let start = 0; start < paths.length; start += matchesPerRuleMax) {
    const matches = paths
      .slice(start, start + matchesPerRuleMax)
      .map((value) => ({ path: { type: 'PathPrefix', value } }));
    rules.push({ matches, backendRefs: [{ ...backendRef, weight: 1 }] });
  }
  return [
    ...made,
    { apiVersion: gatewayApiVersion, kind: 'HTTPRoute', metadata: metadata('llm'), spec: { rules }, origin },
  ];
}

/** A name that no object of the kind has. */
function freeName(wanted: string, kind: string, items: readonly LoadedItem[]): string {
  const taken = new Set(
    items.filter(({ manifest }) => manifest.kind === kind).map(({ manifest }) => manifest.metadata.name),
  );
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted}-${count}`;
    if (!taken.has(name)) return name;
  }
}

/** A laptop's route without parents attaches to every Gateway of its namespace. */
function withParents(manifest: Manifest, gateways: readonly Manifest[]): Manifest {
  const spec = manifest.spec as { parentRefs?: unknown } | undefined;
  if (kindNamed(manifest.kind)?.role !== 'route' || spec?.parentRefs !== undefined) return manifest;
  const local = gateways.filter(({ metadata: { namespace } }) => namespace === manifest.metadata.namespace);
  const parentRefs = (local.length > 0 ? local : gateways).map(({ metadata: { name, namespace } }) => ({
    name,
    namespace,
  }));
  return { ...manifest, spec: { ...spec, parentRefs } };
}

/** A laptop's policy without targets applies to every Gateway; one that it cannot reach must not go unprotected in silence. */
function withTargets(manifest: Manifest, gateways: readonly Manifest[], problems: ConfigProblem[]): Manifest {
  const spec = manifest.spec as { targetRefs?: unknown } | undefined;
  if (manifest.kind !== 'Policy' || spec?.targetRefs !== undefined) return manifest;
  const { namespace } = manifest.metadata;
  const foreign = gateways.find((gateway) => gateway.metadata.namespace !== namespace);
  if (foreign && manifest.origin) {
    const { file, line, pathPrefix } = manifest.origin;
    problems.push({
      file,
      line,
      path: `${pathPrefix}.targetRefs`,
      message: `is required here: Gateway ${foreign.metadata.namespace}/${foreign.metadata.name} is in another namespace, and a policy reaches only its own`,
      hint: `write it as a manifest in namespace ${foreign.metadata.namespace}, or name the targets`,
    });
  }
  const targetRefs = gateways.map(({ metadata: { name } }) => ({
    group: 'gateway.networking.k8s.io',
    kind: 'Gateway',
    name,
  }));
  return { ...manifest, spec: { ...spec, targetRefs } };
}

/** The echo model first, then every provider whose key is in the environment. */
function embedded(env: Readonly<Record<string, string>>): Manifest[] {
  const secretName = 'llmbackend-embedded';
  const found = findProviders(env).map(({ name, driver, quirks, keyVariable, wildcards }) => ({
    name,
    provider: { [driver]: quirks === '' ? {} : { quirks } },
    key: env[keyVariable] ?? '',
    wildcards,
  }));
  const spec = {
    providers: [
      { name: 'echo', echo: {} },
      ...found.map(({ name, provider }) => ({
        name,
        ...provider,
        auth: { key: { secretRef: { name: secretName, key: name } } },
      })),
    ],
    models: [
      { name: 'echo', targets: [{ provider: 'echo' }] },
      ...found.flatMap(({ name, wildcards }) =>
        wildcards.map((wildcard) => ({ name: wildcard, targets: [{ provider: name }] })),
      ),
    ],
  };
  const stringData = Object.fromEntries(found.map(({ name, key }) => [name, key]));
  const secret: Manifest = { apiVersion: 'v1', kind: 'Secret', metadata: metadata(secretName), stringData, origin };
  const backend = { apiVersion: ownApiVersion, kind: 'LLMBackend', metadata: metadata('embedded'), spec, origin };
  return found.length > 0 ? [secret, backend] : [backend];
}
