// The views of several Gateways as what one process holds that serves them all: a laptop's.
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { fromBinary } from '@bufbuild/protobuf';
import { encodeResource } from './encode.ts';

/** Unites views. A route or policy that each view holds only for its own Gateway gets back all its parents or targets. */
export function uniteViews(views: ReadonlyMap<string, readonly EncodedResource[]>): EncodedResource[] {
  const united = new Map<string, EncodedResource>();
  for (const view of views.values())
    for (const resource of view) {
      const id = `${resource.typeUrl} ${resource.key}`;
      const before = united.get(id);
      united.set(id, before && before.version !== resource.version ? merge(before, resource) : resource);
    }
  return [...united].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, resource]) => resource);
}

function merge(a: EncodedResource, b: EncodedResource): EncodedResource {
  const one = fromBinary(ResourceSchema, a.bytes);
  const two = fromBinary(ResourceSchema, b.bytes);
  if (one.kind.case === 'route' && two.kind.case === 'route')
    one.kind.value.parents = distinct(
      [...one.kind.value.parents, ...two.kind.value.parents],
      ({ listener }) => listener,
    );
  if (one.kind.case === 'l4Route' && two.kind.case === 'l4Route')
    one.kind.value.parents = distinct(
      [...one.kind.value.parents, ...two.kind.value.parents],
      ({ listener }) => listener,
    );
  if (one.kind.case === 'policy' && two.kind.case === 'policy')
    one.kind.value.targets = distinct(
      [...one.kind.value.targets, ...two.kind.value.targets],
      ({ key, section }) => `${key} ${section}`,
    );
  return one.kind.case === undefined ? a : encodeResource(a.key, one.kind);
}

/** Items by id, sorted, the first of each. */
function distinct<T>(items: readonly T[], idOf: (item: T) => string): T[] {
  const byId = new Map<string, T>();
  for (const item of items) if (!byId.has(idOf(item))) byId.set(idOf(item), item);
  return [...byId].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}
