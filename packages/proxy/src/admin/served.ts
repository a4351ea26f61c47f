// What a gateway serves, for the person who has just started it.
import { fromBinary } from '@bufbuild/protobuf';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import { typeUrls } from '@agentgateway/api/keys.ts';
import type { Gateway } from '../gateway.ts';

/** Names that clients can ask for. */
export interface Served {
  /** Configured names, in order; a wildcard as it is written. */
  readonly models: readonly string[];
  /** Providers whose every model can be asked for as `provider/model`. */
  readonly providers: readonly string[];
  /** Whether the LLM routes want a key of the caller. */
  readonly wantsKey: boolean;
}

/** Looks at every LLM backend that a route leads to. */
export function listServed({ store }: Pick<Gateway, 'store'>): Served {
  const snapshot = store.current;
  const rules = [...snapshot.binds.values()].flatMap(({ listeners }) =>
    listeners.flatMap(({ router }) => [...router.values()]),
  );
  const models = new Set<string>();
  const keys = new Set<string>();
  let wantsKey = false;
  for (const { backends, plan } of rules) {
    for (const { key, plan: own } of backends) {
      const told = snapshot.backend(key)?.explain?.({ snapshot, model: undefined });
      if (!told || !('models' in told) || !Array.isArray(told.models)) continue;
      keys.add(key);
      for (const model of told.models) models.add(String(model));
      wantsKey ||= [...plan.steps, ...own.steps].some(({ step }) => step.isMandatory === true);
    }
  }
  return { models: [...models], providers: listExposed(store, keys), wantsKey };
}

function listExposed(store: Gateway['store'], keys: ReadonlySet<string>): string[] {
  const providers = new Set<string>();
  const wanted = new Set(keys);
  const backends = new Map(
    [...store.held()].flatMap(({ resource }) => {
      if (resource.typeUrl !== typeUrls.resource) return [];
      const { kind } = fromBinary(ResourceSchema, resource.bytes);
      return kind.case === 'backend' && kind.value.kind.case === 'llm'
        ? [[resource.key, kind.value.kind.value] as const]
        : [];
    }),
  );
  // A set may grow while it is walked: what a backend includes is served by it too.
  for (const key of wanted) {
    const backend = backends.get(key);
    if (backend?.exposeAll) for (const { name } of backend.providers) providers.add(name);
    for (const included of backend?.includes ?? []) wanted.add(included);
  }
  return [...providers];
}
