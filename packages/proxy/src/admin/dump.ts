// The configuration in force as JSON: every resource with its version, secrets redacted.
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { EndpointsSchema } from '@agentgateway/api/gen/agentgateway/v1/endpoint_pb.ts';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import { SecretSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import { type EncodedResource, typeUrls } from '@agentgateway/api/keys.ts';

/** What stands in the place of secret material. */
export const redacted = '(redacted)';

/** A resource for people. Hashes of keys are cut to what logs call them by. */
export function dumpResource({ typeUrl, key, version, bytes }: EncodedResource): object {
  return { key, type: typeUrl, version, message: toMessage(typeUrl, bytes) };
}

function toMessage(typeUrl: EncodedResource['typeUrl'], bytes: Uint8Array): unknown {
  switch (typeUrl) {
    case typeUrls.resource:
      return withoutHashes(toJson(ResourceSchema, fromBinary(ResourceSchema, bytes)));
    case typeUrls.endpoints:
      return toJson(EndpointsSchema, fromBinary(EndpointsSchema, bytes));
    case typeUrls.secret:
      return { entries: fromBinary(SecretSchema, bytes).entries.map(({ name }) => ({ name, value: redacted })) };
  }
}

function withoutHashes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHashes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === 'sha256' ? redacted : withoutHashes(inner)]),
  );
}
