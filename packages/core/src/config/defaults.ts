// What a laptop's configuration leaves out: the gateway, the routes, and without any backend the echo model and what the environment offers.
import { isProviderDriver, providers } from '@agentgateway/llm/provider/provider.ts';
import { ownApiVersion } from '../kinds/registry.ts';
import type { LlmBackendSpec } from '../kinds/llm-backend/schema.ts';
import type { Manifest } from '../world.ts';

const file = '(default)';
const origin = { file, line: 1, pathPrefix: '' };
const metadata = (name: string): Manifest['metadata'] => ({
  name,
  namespace: 'default',
  generation: 1,
  creationTimestamp: '1970-01-01T23:00:00.000Z',
});

/** Adds what was left out. */
export function addDefaults(manifests: readonly Manifest[], env: Readonly<Record<string, string>>): Manifest[] {
  const has = (kind: string): boolean => manifests.some((manifest) => manifest.kind === kind);
  const all = [...manifests];
  if (!has('Gateway'))
    all.push({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: metadata('default'),
      spec: { gatewayClassName: 'agentgateway', listeners: [{ name: 'http', port: 3000, protocol: 'HTTP' }] },
      origin,
    });
  const addParents = (list: readonly Manifest[]): Manifest[] =>
    list.map((manifest) => withTargets(withParents(manifest, all), all));
  if (has('HTTPRoute')) return addParents(all);
  if (!has('LLMBackend') && !has('HTTPBackend') && !has('Service')) all.push(...embedded(env));
  const backends = all.filter(({ kind }) => kind === 'LLMBackend').map(({ metadata: { name } }) => name);
  if (backends.length === 0) return addParents(all);
  let served = backends[0]!;
  if (backends.length > 1) {
    served = 'all';
    const spec: LlmBackendSpec = {
      providers: [],
      models: [],
      includes: backends.map((name) => ({ name })),
      expose: 'All',
      requestBytesMax: '32Mi',
    };
    all.push({ apiVersion: ownApiVersion, kind: 'LLMBackend', metadata: metadata(served), spec, origin });
  }
  const rule = {
    matches: [{ path: { type: 'PathPrefix', value: '/v1' } }],
    backendRefs: [{ group: 'agentgateway.dev', kind: 'LLMBackend', name: served, weight: 1 }],
  };
  const route: Manifest = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: metadata('llm'),
    spec: { rules: [rule] },
    origin,
  };
  return addParents([...all, route]);
}

/** A laptop's route without parents attaches to every Gateway of the file. */
function withParents(manifest: Manifest, all: readonly Manifest[]): Manifest {
  const spec = manifest.spec as { parentRefs?: unknown } | undefined;
  if (manifest.kind !== 'HTTPRoute' || spec?.parentRefs !== undefined) return manifest;
  const parentRefs = all
    .filter(({ kind }) => kind === 'Gateway')
    .map(({ metadata: { name, namespace } }) => ({ name, namespace }));
  return { ...manifest, spec: { ...spec, parentRefs } };
}

/** A laptop's policy without targets applies to every Gateway of the file. */
function withTargets(manifest: Manifest, all: readonly Manifest[]): Manifest {
  const spec = manifest.spec as { targetRefs?: readonly { name: string }[] } | undefined;
  if (manifest.kind !== 'Policy' || spec?.targetRefs?.[0]?.name !== everyGateway.name) return manifest;
  const targetRefs = all
    .filter(({ kind }) => kind === 'Gateway')
    .map(({ metadata: { name } }) => ({ ...everyGateway, name }));
  return { ...manifest, spec: { ...spec, targetRefs } };
}

/** What a policy without targets holds until the Gateways are known. */
export const everyGateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'every.gateway' } as const;

/** The echo model first, then every provider whose key is in the environment. */
function embedded(env: Readonly<Record<string, string>>): Manifest[] {
  const found = Object.entries(providers).filter(
    ([, { keyVariable }]) => keyVariable !== undefined && env[keyVariable],
  );
  const spec = {
    providers: [
      { name: 'echo', echo: {} },
      ...found.map(([driver]) => ({
        name: driver,
        [driver]: {},
        auth: { key: { secretRef: { name: 'llmbackend-embedded', key: driver } } },
      })),
    ],
    models: [
      { name: 'echo', targets: [{ provider: 'echo', weight: 1, priority: 0 }] },
      ...found.flatMap(([driver, { wildcards }]) =>
        wildcards.map((name) => ({ name, targets: [{ provider: driver, weight: 1, priority: 0 }] })),
      ),
    ],
    includes: [],
    expose: 'All',
    requestBytesMax: '32Mi',
  };
  const stringData = Object.fromEntries(
    found.map(([driver]) => [driver, isProviderDriver(driver) ? env[providers[driver].keyVariable ?? ''] : '']),
  );
  const secret: Manifest = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata('llmbackend-embedded'),
    stringData,
    origin,
  };
  return [
    ...(found.length > 0 ? [secret] : []),
    { apiVersion: ownApiVersion, kind: 'LLMBackend', metadata: metadata('embedded'), spec, origin },
  ];
}
