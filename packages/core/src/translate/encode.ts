// Messages → encoded resources: deterministic bytes, and a version that is a function of them (contract 5).
import { createHash } from 'node:crypto';
import { type DescMessage, type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import { EndpointsSchema } from '@agentgateway/api/gen/agentgateway/v1/endpoint_pb.ts';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import { SecretSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import { type EncodedResource, type TypeUrl, typeUrls } from '@agentgateway/api/keys.ts';

/** Encodes a piece of configuration. */
export function encodeResource(
  key: string,
  kind: MessageInitShape<typeof ResourceSchema>['kind'] & object,
): EncodedResource {
  return encode(typeUrls.resource, key, ResourceSchema, { kind });
}

/** Encodes a set of endpoints. */
export function encodeEndpoints(key: string, message: MessageInitShape<typeof EndpointsSchema>): EncodedResource {
  return encode(typeUrls.endpoints, key, EndpointsSchema, message);
}

/** Encodes a secret. */
export function encodeSecret(key: string, message: MessageInitShape<typeof SecretSchema>): EncodedResource {
  return encode(typeUrls.secret, key, SecretSchema, message);
}

function encode<D extends DescMessage>(
  typeUrl: TypeUrl,
  key: string,
  schema: D,
  message: MessageInitShape<D>,
): EncodedResource {
  const bytes = toBinary(schema, create(schema, message));
  return { typeUrl, key, version: createHash('sha256').update(bytes).digest('hex').slice(0, 32), bytes };
}
