// Worlds for tests, written as configuration and manifests, and translations as text that can be read and compared.
import { EndpointsSchema } from '@agentgateway/api/gen/agentgateway/v1/endpoint_pb.ts';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import { SecretSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import { type EncodedResource, typeUrls } from '@agentgateway/api/keys.ts';
import { type JsonValue, fromBinary, toJson } from '@bufbuild/protobuf';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import type { Feedback, Manifest, Translation, World } from '../world.ts';
import { formatIssue } from './issue.ts';

/** All inputs of one case. */
export interface CaseInput {
  readonly env?: Readonly<Record<string, string>>;
  /** Files that the configuration may name: path → text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Text of config.yaml. */
  readonly config?: string;
  /** Text of manifests.yaml beside it. */
  readonly manifests?: string;
  /** Objects as a cluster holds them, which no loader has seen. */
  readonly objects?: readonly Manifest[];
  /** Whether one process serves every Gateway, as on a laptop. */
  readonly sharesBinds?: boolean;
  /** Gateway key → what its proxies said. */
  readonly feedback?: Readonly<
    Record<
      string,
      {
        readonly acknowledged?: boolean;
        readonly rejections?: readonly { readonly key: string; readonly reason: string }[];
        readonly bindErrors?: Readonly<Record<string, string>>;
        readonly addresses?: readonly string[];
      }
    >
  >;
}

/** The name under which tests write statuses. */
export const controllerName = 'agentgateway.dev/controller';

/** Loads a case's texts. */
export function loadCase({ config, manifests, env = {}, files = {} }: CaseInput): LoadedConfig {
  return loadConfig({
    files: [
      ...(config === undefined ? [] : [{ name: 'config.yaml', text: config, role: 'config' as const }]),
      ...(manifests === undefined ? [] : [{ name: 'manifests.yaml', text: manifests, role: 'manifests' as const }]),
    ],
    env,
    readFile: (path) => (files[path] === undefined ? { problem: 'there is no such file' } : { text: files[path] }),
  });
}

/** A case's world. Cases made of objects alone have no defaults added. */
export function toWorld(input: CaseInput): World {
  const isFromFiles = input.config !== undefined || input.manifests !== undefined || input.objects === undefined;
  const loaded = isFromFiles ? loadCase(input).manifests : [];
  return {
    objects: [...loaded, ...(input.objects ?? [])],
    feedback: toFeedback(input),
    controllerName,
    sharesBinds: input.sharesBinds ?? false,
  };
}

function toFeedback({ feedback = {} }: CaseInput): Map<string, Feedback> {
  return new Map(
    Object.entries(feedback).map(([gateway, { acknowledged = true, rejections = [], bindErrors = {}, addresses }]) => [
      gateway,
      {
        isAcknowledged: acknowledged,
        bindErrors: new Map(Object.entries(bindErrors)),
        ...(addresses && { addresses }),
        rejections: rejections.map(({ key, reason }) => ({ typeUrl: typeUrls.resource, key, version: '', reason })),
      },
    ]),
  );
}

/** A resource in words; of secrets only the names and lengths of entries. */
export function describeResource({ typeUrl, bytes }: EncodedResource): JsonValue {
  switch (typeUrl) {
    case typeUrls.resource:
      return toJson(ResourceSchema, fromBinary(ResourceSchema, bytes));
    case typeUrls.endpoints:
      return toJson(EndpointsSchema, fromBinary(EndpointsSchema, bytes));
    case typeUrls.secret: {
      const { entries } = fromBinary(SecretSchema, bytes);
      return { secret: entries.map(({ name, value }) => `${name} (${value.length} bytes)`) };
    }
  }
}

/** A translation as a golden says it. */
export function describeTranslation({ views, statuses, issues, wants }: Translation): object {
  return {
    views: Object.fromEntries(
      [...views].map(([gateway, resources]) => [
        gateway,
        Object.fromEntries(resources.map((resource) => [resource.key, describeResource(resource)])),
      ]),
    ),
    statuses: Object.fromEntries(
      statuses.map(({ kind, namespace, name, status }) => [`${kind} ${namespace}/${name}`, briefly(status)]),
    ),
    issues: issues.map((issue) => formatIssue(issue)),
    wants,
  };
}

/** Conditions on one line each. */
function briefly(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => briefly(item));
  if (typeof value !== 'object' || value === null) return value;
  if ('type' in value && 'status' in value && 'reason' in value && 'message' in value)
    return `${String(value.type)}=${String(value.status)} ${String(value.reason)}: ${String(value.message)}`;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, briefly(inner)]));
}
