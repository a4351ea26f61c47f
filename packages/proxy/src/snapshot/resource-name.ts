// What a resource is called among those of all types: a key means something within its type only (delta xDS).
import type { EncodedResource } from '@agentgateway/api/keys.ts';

/** The name of a resource. */
export function nameOf({ typeUrl, key }: Pick<EncodedResource, 'typeUrl' | 'key'>): string {
  return `${typeUrl} ${key}`;
}
