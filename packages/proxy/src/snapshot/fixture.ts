// What tests of the snapshot are made of: resources by hand, broken ones among them, and what can be seen of a snapshot.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ListenerSchema } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { PolicySpecSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { AuthorizationRule_Action, Policy_Mode } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { type EncodedResource, typeUrls } from '@agentgateway/api/keys.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { makeExchange, pairs } from '@agentgateway/core/policy/fixture.ts';
import { encodeResource } from '@agentgateway/core/translate/encode.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import type { Snapshot, StepPlan } from './snapshot.ts';
import { Store } from './store.ts';

/** The key of the one Gateway. */
export const gatewayKey = 'gateway/default/g';

/** A policy's spec. */
export type Spec = MessageInitShape<typeof PolicySpecSchema>;

/** A listener of the Gateway. */
export function listener(name: string, more: MessageInitShape<typeof ListenerSchema> = {}): EncodedResource {
  return encodeResource(`listener/default/g/${name}`, {
    case: 'listener',
    value: { gateway: gatewayKey, name, port: 8080, protocol: Listener_Protocol.HTTP, ...more },
  });
}

/** A route of one rule, named `main`, attached to listeners. */
export function route(
  name: string,
  listeners: readonly string[],
  more: { prefix?: string; hostnames?: string[]; backend?: string; filters?: Spec[]; backendFilters?: Spec[] } = {},
): EncodedResource {
  const { prefix = '/', hostnames = [], backend = 'httpbackend/default/a', filters = [], backendFilters = [] } = more;
  return encodeResource(`httproute/default/${name}`, {
    case: 'route',
    value: {
      parents: listeners.map((one) => ({ listener: `listener/default/g/${one}`, hostnames })),
      rules: [
        {
          name: 'main',
          matches: [{ path: { match: { case: 'prefix', value: prefix } } }],
          filters,
          backends: [{ backend, port: 80, weight: 1, filters: backendFilters }],
        },
      ],
    },
  });
}

/** A policy of one kind. Its key ends in the kind, unless another is said. */
export function policy(
  name: string,
  targets: readonly string[],
  spec: Spec,
  more: { kind?: string; invalid?: string; createdMs?: bigint; mode?: Policy_Mode } = {},
): EncodedResource {
  const { kind = spec.kind?.case ?? 'unknown', ...rest } = more;
  return encodeResource(`policy/default/${name}/${kind}`, {
    case: 'policy',
    value: {
      targets: targets.map((target) => {
        const [key = '', section = ''] = target.split('#');
        return { key, section };
      }),
      mode: Policy_Mode.DEFAULTS,
      spec,
      ...rest,
    },
  });
}

/** A backend outside. */
export function backend(name: string, port = 80): EncodedResource {
  return encodeResource(`httpbackend/default/${name}`, {
    case: 'backend',
    value: { kind: { case: 'http', value: { host: `${name}.test`, port } } },
  });
}

/** A spec that sets a request field. */
export function setsHeader(name: string, value: string): Spec {
  return { kind: { case: 'headerModifiers', value: { request: { set: [{ name, value }] } } } };
}

/** A spec that lets pass what the expression requires. */
export function requires(expression: string): Spec {
  return {
    kind: { case: 'authorization', value: { rules: [{ action: AuthorizationRule_Action.REQUIRE, expression }] } },
  };
}

/** A resource with other bytes under the same key. */
export function withBytes(resource: EncodedResource, bytes: Uint8Array): EncodedResource {
  return { ...resource, bytes, version: Buffer.from(bytes).toString('hex').slice(0, 32) };
}

/** Bytes of a length-delimited field: what a newer version may send (Protocol Buffers encoding). */
export function field(number: number, content: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(content);
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]);
  return Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length), ...bytes]);
}

/** A policy whose spec is of a kind that only newer versions know. */
export function unknownPolicy(name: string, target: string, kind = 'quantumShield'): EncodedResource {
  const spec = field(5, field(4000, 'whatever it says'));
  const bytes = field(4, Buffer.concat([field(1, field(1, target)), spec]));
  return withBytes({ typeUrl: typeUrls.resource, key: `policy/default/${name}/${kind}`, version: '', bytes }, bytes);
}

/** A store without a world around it. */
export function openStore(environment: Partial<BackendEnvironment> = {}): Store {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  return new Store({ log, now: () => 0, monotonicMs: () => 0, random: () => 0, ...environment } as BackendEnvironment);
}

/** What a plan does to a request: the fields that it leaves, or the reason of its refusal. */
export function play(plan: StepPlan): unknown {
  const exchange = makeExchange();
  try {
    for (const { step } of plan.steps) {
      const reply = step.request?.(exchange);
      if (reply) return 'a reply';
    }
    return pairs(exchange.headers);
  } catch (error) {
    return GatewayError.from(error).reason;
  }
}

/** The requests that are tried on a snapshot. */
const probes = ['a.test', 'b.test', 'deep.b.test', 'other.test'].flatMap((authority) =>
  ['/', '/x', '/x/y', '/z'].map((path) => ({ authority, path })),
);

/** A plan as plain data. */
function look(plan: StepPlan): unknown {
  return { steps: plan.steps.map(({ policy, kind, phase }) => `${phase} ${kind} ${policy}`), does: play(plan) };
}

/** Everything that a request or a person could see of a snapshot, as plain data. */
export function observe(snapshot: Snapshot): unknown {
  return {
    binds: [...snapshot.binds.values()].map((bind) => ({
      key: bind.key,
      listeners: bind.listeners.map(({ key, hostname, decisions, unmatched }) => ({
        key,
        hostname,
        decisions,
        unmatched: look(unmatched),
      })),
      answers: probes.map(({ authority, path }) => {
        const found = bind.select(authority);
        const routed = found?.router.match(makeExchange({ authority, path }));
        const rule = routed?.value;
        return {
          asked: `${authority}${path}`,
          listener: found?.key,
          route: rule && `${rule.route} ${rule.rule} ${routed.matchedPrefix}`,
          plan: rule && look(rule.plan),
          settings: rule?.settings,
          decisions: rule?.decisions,
          backends: rule?.backends.map((choice) => ({ ...choice, plan: look(choice.plan) })),
        };
      }),
    })),
    backends: [...snapshot.backends.keys()].sort(),
    endpoints: [...snapshot.endpointSets].sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}
