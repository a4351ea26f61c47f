// The configuration in force as JSON: every resource with its version, secrets redacted.
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { EndpointsSchema } from '@agentgateway/api/gen/agentgateway/v1/endpoint_pb.ts';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import { SecretSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import { type EncodedResource, typeUrls } from '@agentgateway/api/keys.ts';

/** What stands in the place of secret material. */
export const redacted = '(redacted)';

/** A resource for people: without secrets, hashes of keys, and what headers with credentials are set to or compared with. */
export function dumpResource({ typeUrl, key, version, bytes }: EncodedResource): object {
  return { key, type: typeUrl, version, message: toMessage(typeUrl, bytes) };
}

function toMessage(typeUrl: EncodedResource['typeUrl'], bytes: Uint8Array): unknown {
  switch (typeUrl) {
    case typeUrls.resource:
      return withoutSecrets(toJson(ResourceSchema, fromBinary(ResourceSchema, bytes)));
    case typeUrls.endpoints:
      return toJson(EndpointsSchema, fromBinary(EndpointsSchema, bytes));
    case typeUrls.secret:
      return { entries: fromBinary(SecretSchema, bytes).entries.map(({ name }) => ({ name, value: redacted })) };
  }
}

/** Header fields whose literal values are credentials, wherever a policy, a filter or a match writes them. */
const secretFields =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|.*(?:api-?key|token|secret|password).*)$/i;

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const isSecretField = 'name' in value && typeof value.name === 'string' && secretFields.test(value.name);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const isSecret = name === 'sha256' || (isSecretField && secretMembers.has(name) && typeof inner === 'string');
      return [name, isSecret ? redacted : withoutSecrets(inner)];
    }),
  );
}

/** Where a named field keeps what it is set to, and a match what it compares with. */
const secretMembers: ReadonlySet<string> = new Set(['value', 'expression', 'exact', 'regex']);
