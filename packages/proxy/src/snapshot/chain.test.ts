// A rule's filters among the policies of its chain, and what a backend adds (contract 1).
import { afterEach, describe, expect, test } from 'vitest';
import { Policy_Mode } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { makeExchange, makeReply, pairs } from '@agentgateway/core/policy/fixture.ts';
import { policies } from '@agentgateway/core/policy/registry.ts';
import { defaultTimeouts } from '@agentgateway/core/settings.ts';
import { encodeResource } from '@agentgateway/core/translate/encode.ts';
import { explain } from '../admin/explain.ts';
import {
  type Spec,
  backend,
  gatewayKey,
  listener,
  openStore,
  play,
  policy,
  requires,
  route,
  setsHeader,
} from './fixture.ts';
import type { RulePlan, Snapshot } from './snapshot.ts';

const overrides = { mode: Policy_Mode.OVERRIDES } as const;
const routeKey = 'httproute/default/r';
const backendKey = 'httpbackend/default/a';

function timeouts(value: { requestMs?: bigint; idleMs?: bigint; backendRequestMs?: bigint }): Spec {
  return { kind: { case: 'timeouts', value } };
}

function retries(value: { attempts?: number; backoffMs?: bigint; codes?: number[] }): Spec {
  return { kind: { case: 'retry', value } };
}

function cors(...allowOrigins: string[]): Spec {
  return { kind: { case: 'cors', value: { allowOrigins } } };
}

async function open(...resources: EncodedResource[]): Promise<{ rule: RulePlan; snapshot: Snapshot }> {
  const store = openStore();
  expect(await store.update({ set: [listener('http'), backend('a'), ...resources], removed: [] })).toEqual([]);
  const snapshot = store.current;
  const [bind] = snapshot.binds.values();
  return { rule: bind!.select('a.test')!.router.match(makeExchange({ authority: 'a.test' }))!.value, snapshot };
}

const ask = (rule: RulePlan, origin: string): string | undefined => {
  const exchange = makeExchange({ headers: [['origin', origin]] });
  const reply = makeReply();
  for (const { step } of rule.plan.steps) void step.request?.(exchange);
  for (const { step } of rule.plan.steps.toReversed()) void step.response?.(exchange, reply);
  return reply.headers.get('access-control-allow-origin');
};

const more = (value: object): Spec => ({ kind: { case: 'headerModifiers', value: { request: value } } });

const move = (kind: 'authorization' | 'timeouts', phase: string): void =>
  void Object.assign(policies[kind] as object, { phase });

/** A route of rules with these time-outs, for `/0`, `/1` … */
const rulesOf = (...requestMs: bigint[]): EncodedResource =>
  encodeResource(routeKey, {
    case: 'route',
    value: {
      parents: [{ listener: 'listener/default/g/http' }],
      rules: requestMs.map((each, index) => ({
        matches: [{ path: { match: { case: 'prefix', value: `/${index}` } } }],
        filters: [timeouts({ requestMs: each })],
        backends: [{ backend: backendKey, port: 80, weight: 1 }],
      })),
    },
  });

const questions = { method: 'GET', url: 'http://a.test:8080/', headers: [], model: undefined } as const;

describe('a rule’s time-outs and retries', () => {
  test('lose to what overrides them, field by field, and explain says so', async () => {
    const { rule, snapshot } = await open(
      policy('p', [gatewayKey], timeouts({ requestMs: 3000n, idleMs: 7000n }), overrides),
      route('r', ['http'], { filters: [timeouts({ requestMs: 10_000n, backendRequestMs: 2000n })] }),
    );
    expect(rule.settings.timeouts).toEqual({
      ...defaultTimeouts,
      requestMs: 3000,
      idleMs: 7000,
      backendRequestMs: 2000,
    });
    const [told] = explain(snapshot, questions).policies;
    expect(told).toMatchObject({
      kind: 'timeouts',
      winners: {
        requestMs: 'policy/default/p/timeouts',
        idleMs: 'policy/default/p/timeouts',
        backendRequestMs: routeKey,
      },
    });
    expect(told!.policies.toSorted()).toEqual([routeKey, 'policy/default/p/timeouts']);
  });

  test('win over defaults, and leave them the other fields', async () => {
    const { rule } = await open(
      policy('p', [gatewayKey], timeouts({ requestMs: 3000n, idleMs: 7000n })),
      policy('q', [gatewayKey], retries({ attempts: 5, backoffMs: 9n })),
      route('r', ['http'], { filters: [timeouts({ requestMs: 10_000n }), retries({ attempts: 2 })] }),
    );
    expect(rule.settings).toEqual({
      timeouts: { ...defaultTimeouts, requestMs: 10_000, idleMs: 7000 },
      retry: { attempts: 2, backoffMs: 9, codes: [] },
    });
  });

  test('of two rules of one route with other values each has its own, also after an edit', async () => {
    const store = openStore();
    const seen = (): (number | undefined)[] => {
      const [bind] = store.current.binds.values();
      const { router } = bind!.select('a.test')!;
      return ['/0', '/1'].map(
        (path) => router.match(makeExchange({ authority: 'a.test', path }))?.value.settings.timeouts.requestMs,
      );
    };
    await store.update({ set: [listener('http'), rulesOf(1n, 2n)], removed: [] });
    expect(seen()).toEqual([1, 2]);
    await store.update({ set: [rulesOf(3n, 1n)], removed: [] });
    expect(seen()).toEqual([3, 1]);
  });
});

describe('a rule’s CORS filter', () => {
  test.each([
    [{}, ['https://route.test', undefined]],
    [overrides, [undefined, 'https://above.test']],
  ] as const)('with a policy above in mode %j', async (mode, wanted) => {
    const { rule } = await open(
      policy('p', [gatewayKey], cors('https://above.test'), mode),
      route('r', ['http'], { filters: [cors('https://route.test')] }),
    );
    expect([ask(rule, 'https://route.test'), ask(rule, 'https://above.test')]).toEqual(wanted);
    expect(rule.plan.steps).toHaveLength(1);
  });
});

describe('a rule’s header filters', () => {
  const both: Spec = {
    kind: {
      case: 'headerModifiers',
      value: { request: { set: [{ name: 'x', value: 'above' }] }, response: { set: [{ name: 'y', value: 'above' }] } },
    },
  };

  test('win one direction over defaults and leave the other', async () => {
    const filters = [setsHeader('x', 'rule')];
    const { rule } = await open(policy('p', [gatewayKey], both), route('r', ['http'], { filters }));
    expect(play(rule.plan)).toEqual([['x', 'rule']]);
    const reply = makeReply();
    for (const { step } of rule.plan.steps) void step.response?.(makeExchange(), reply);
    expect(pairs(reply.headers)).toEqual([['y', 'above']]);
  });

  test('lose to overrides', async () => {
    const filters = [setsHeader('x', 'rule')];
    const { rule } = await open(policy('p', [gatewayKey], both, overrides), route('r', ['http'], { filters }));
    expect(play(rule.plan)).toEqual([['x', 'above']]);
  });

  test('act one after the other', async () => {
    const { rule } = await open(
      route('r', ['http'], {
        filters: [
          more({ set: [{ name: 'A', value: '1' }], add: [{ name: 'b', value: '1' }] }),
          more({ add: [{ name: 'a', value: '2' }], remove: ['B'], set: [{ name: 'c', value: '1' }] }),
          more({ add: [{ name: 'b', value: '3' }] }),
        ],
      }),
    );
    const exchange = makeExchange({
      headers: [
        ['b', '0'],
        ['a', '0'],
      ],
    });
    for (const { step } of rule.plan.steps) void step.request?.(exchange);
    expect(
      pairs(exchange.headers)
        .map(([name, value]) => `${name.toLowerCase()} ${value}`)
        .sort(),
    ).toEqual(['a 1', 'a 2', 'b 3', 'c 1']);
  });

  test('redirects and rewrites stay steps of their own', async () => {
    const filters: Spec[] = [setsHeader('x', '1'), { kind: { case: 'urlRewrite', value: { hostname: 'other.test' } } }];
    const { rule } = await open(route('r', ['http'], { filters }));
    expect(rule.plan.steps.map(({ kind, policy: key }) => [kind, key])).toEqual([
      ['headerModifiers', routeKey],
      ['urlRewrite', routeKey],
    ]);
  });
});

const set = 'listenerset/default/s';
const inSet = listener('http', { listenerSet: set, name: 'web' });

const valueOf = async (...resources: EncodedResource[]): Promise<string | undefined> => {
  const { rule } = await open(inSet, route('r', ['http']), ...resources);
  const exchange = makeExchange({});
  for (const { step } of rule.plan.steps) void step.request?.(exchange);
  return exchange.headers.get('x-from');
};

describe('a listener of a ListenerSet', () => {
  test('has the policies of its Gateway, of the set, and of its own section, the nearest first', async () => {
    const gateways = policy('g', [gatewayKey], setsHeader('x-from', 'gateway'));
    const whole = policy('s', [set], setsHeader('x-from', 'set'));
    const section = policy('l', [`${set}#web`], setsHeader('x-from', 'section'));
    expect(await valueOf(gateways)).toBe('gateway');
    expect(await valueOf(gateways, whole)).toBe('set');
    expect(await valueOf(section, whole, gateways)).toBe('section');
  });

  test('has no part in what is attached to a listener of the Gateway by that name', async () => {
    const { rule } = await open(
      inSet,
      route('r', ['http']),
      policy('l', [`${gatewayKey}#web`], setsHeader('x-from', 'other')),
    );
    expect(rule.plan.steps).toEqual([]);
  });
});

test('a younger policy at the same place is told as conflicted', async () => {
  const { rule, snapshot } = await open(
    policy('p', [gatewayKey], timeouts({ requestMs: 1n }), { createdMs: 1n }),
    policy('q', [gatewayKey], timeouts({ requestMs: 2n }), { createdMs: 2n }),
    route('r', ['http']),
  );
  expect(rule.decisions).toMatchObject([{ conflicted: ['policy/default/q/timeouts'] }]);
  expect(explain(snapshot, questions).policies).toMatchObject([{ conflicted: ['policy/default/q/timeouts'] }]);
});

describe('a backend of a rule', () => {
  test('has the rule’s settings where nothing is said for it alone', async () => {
    const { rule } = await open(route('r', ['http'], { filters: [timeouts({ requestMs: 5n })] }));
    expect(rule.backends[0]!.settings).toBe(rule.settings);
  });

  test('has settings of its own, which explain shows', async () => {
    const { rule, snapshot } = await open(
      policy('p', [gatewayKey], timeouts({ requestMs: 1n, idleMs: 1n }), overrides),
      policy('q', [routeKey], timeouts({ backendRequestMs: 1n })),
      policy('b', [backendKey], timeouts({ requestMs: 9n, backendRequestMs: 9n }), { kind: 'timeouts' }),
      route('r', ['http']),
    );
    const [choice] = rule.backends;
    expect(rule.settings.timeouts).toMatchObject({ requestMs: 1, idleMs: 1, backendRequestMs: 1 });
    expect(choice!.settings.timeouts).toMatchObject({ requestMs: 1, idleMs: 1, backendRequestMs: 9 });
    expect(choice!.decisions).toMatchObject([
      { kind: 'timeouts', winners: { backendRequestMs: 'policy/default/b/timeouts' } },
    ]);
    expect(explain(snapshot, questions).backends).toMatchObject([
      { settings: { timeouts: { backendRequestMs: 9 } }, policies: [{ kind: 'timeouts' }] },
    ]);
  });

  test.each([
    [
      {},
      [
        ['x', 'above'],
        ['x', 'backend'],
      ],
    ],
    [overrides, [['x', 'above'], []]],
  ] as const)('has its filters, but for what is overridden above: %j', async (mode, [above, own]) => {
    const { rule } = await open(
      policy('p', [gatewayKey], setsHeader('x', 'above'), mode),
      route('r', ['http'], { backendFilters: [setsHeader('x', 'backend')] }),
    );
    expect(play(rule.plan)).toEqual([above]);
    expect(play(rule.backends[0]!.plan)).toEqual(own.length > 0 ? [own] : []);
  });

  test('is refused by explain where a policy of it cannot be applied', async () => {
    const { snapshot } = await open(
      policy('b', [backendKey], requires('true'), { invalid: 'no such key' }),
      route('r', ['http']),
    );
    expect(explain(snapshot, questions).refusal).toEqual({
      reason: 'policy-invalid',
      message: 'policy policy/default/b/authorization (authorization) cannot be applied: no such key',
    });
  });

  test('adds its restricting policies, and repeats none', async () => {
    const { rule } = await open(
      policy('p', [gatewayKey, backendKey], requires('true')),
      policy('b', [backendKey], requires('false')),
      route('r', ['http']),
    );
    expect(play(rule.plan)).toEqual([]);
    expect(rule.backends[0]!.plan.steps.map((step) => step.policy)).toEqual(['policy/default/b/authorization']);
    expect(play(rule.backends[0]!.plan)).toBe('forbidden');
  });
});

describe('a policy whose contract nothing here keeps', () => {
  const phasesBefore = { authorization: policies.authorization.phase, timeouts: policies.timeouts.phase };
  afterEach(() => {
    for (const kind of ['authorization', 'timeouts'] as const) move(kind, phasesBefore[kind]);
  });

  test.each(['connection', 'guard', 'attempt'])('closes its target where it restricts: %s', async (phase) => {
    move('authorization', phase);
    const { rule } = await open(policy('p', [routeKey], requires('true')), route('r', ['http']));
    expect(play(rule.plan)).toBe('policy-invalid');
  });

  test.each(['connection', 'guard', 'attempt'])('is rejected where it shapes: %s', async (phase) => {
    move('timeouts', phase);
    const store = openStore();
    const set = [listener('http'), backend('a'), route('r', ['http']), policy('p', [routeKey], timeouts({}))];
    expect(await store.update({ set, removed: [] })).toMatchObject([
      { key: 'policy/default/p/timeouts', reason: expect.stringContaining('not applied by this version') },
    ]);
  });

  test('closes its rule as a filter', async () => {
    move('timeouts', 'attempt');
    const { rule } = await open(route('r', ['http'], { filters: [timeouts({ requestMs: 1n })] }));
    expect(play(rule.plan)).toBe('policy-invalid');
  });
});
