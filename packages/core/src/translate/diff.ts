// What changed between two states of a view.
import type { EncodedResource, ResourceChanges } from '@agentgateway/api/keys.ts';

/** Resources that are new or have another version, and those that are gone. */
export function diffResources(before: readonly EncodedResource[], after: readonly EncodedResource[]): ResourceChanges {
  const known = new Map(before.map((resource) => [idOf(resource), resource]));
  const set = after.filter((resource) => {
    const old = known.get(idOf(resource));
    known.delete(idOf(resource));
    return old?.version !== resource.version;
  });
  return { set, removed: [...known.values()].map(({ typeUrl, key }) => ({ typeUrl, key })) };
}

function idOf({ typeUrl, key }: EncodedResource): string {
  return `${typeUrl} ${key}`;
}
