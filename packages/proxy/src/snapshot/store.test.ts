// Updates in any order come to the same world; nothing restricting is lost on the way (contracts 1 and 3).
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Policy_Mode } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { type EncodedResource, typeUrls } from '@agentgateway/api/keys.ts';
import { makeExchange } from '@agentgateway/core/policy/fixture.ts';
import { encodeEndpoints, encodeResource, encodeSecret } from '@agentgateway/core/translate/encode.ts';
import {
  type Spec,
  backend,
  field,
  gatewayKey,
  listener,
  observe,
  openStore,
  play,
  policy,
  requires,
  route,
  setsHeader,
  unknownPolicy,
  withBytes,
} from './fixture.ts';
import type { RulePlan, Snapshot } from './snapshot.ts';
import type { Store } from './store.ts';

/** The rule that answers a request. */
function ruleFor(snapshot: Snapshot, path = '/', authority = 'a.test'): RulePlan | undefined {
  const bind = [...snapshot.binds.values()][0];
  return bind?.select(authority)?.router.match(makeExchange({ authority, path }))?.value;
}

const set = (store: Store, ...resources: EncodedResource[]): ReturnType<Store['update']> =>
  store.update({ set: resources, removed: [] });
const remove = (store: Store, ...resources: EncodedResource[]): ReturnType<Store['update']> =>
  store.update({ set: [], removed: resources });

const held = (store: Store): string[] => [...store.held()].map(({ resource }) => resource.typeUrl).sort();
const base = [listener('http'), route('r', ['http']), backend('a')];
const garbage = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const badExpression = (name: string, target: string): EncodedResource => policy(name, [target], requires('1 +'));

/** A resource that may be offered, and whether it is rejected. */
type Offer = { readonly resource: EncodedResource; readonly isRejected: boolean };
const good = (resource: EncodedResource): Offer => ({ resource, isRejected: false });
const bad = (resource: EncodedResource): Offer => ({ resource, isRejected: true });
const secret = (value: string): EncodedResource =>
  encodeSecret('secret/default/s', { entries: [{ name: 'k', value: Buffer.from(value) }] });

describe('any sequence of updates equals a build from scratch', () => {
  const names = fc.constantFrom('a', 'b');
  const listeners = fc.subarray(['a', 'b']);
  const hostname = fc.constantFrom('', 'a.test', '*.b.test');
  const spec: fc.Arbitrary<Spec> = fc.oneof(
    fc.constantFrom('1', '2').map((value) => setsHeader('x-one', value)),
    fc.constantFrom('1', '2').map((value) => setsHeader('x-two', value)),
    fc.constantFrom('true', 'false').map((value) => requires(value)),
    fc.constantFrom(1000n, 2000n).map((requestMs): Spec => ({ kind: { case: 'timeouts', value: { requestMs } } })),
  );
  const mode = fc.constantFrom(Policy_Mode.DEFAULTS, Policy_Mode.OVERRIDES);
  const target = fc.constantFrom(
    gatewayKey,
    `${gatewayKey}#a`,
    'httproute/default/a',
    'httproute/default/b#main',
    'httpbackend/default/a',
  );
  const offer: fc.Arbitrary<Offer> = fc.oneof(
    fc
      .tuple(names, hostname, fc.constantFrom(8080, 8081, 0))
      .map(([name, host, port]) => good(listener(name, { hostname: host, port }))),
    names.map((name) => bad(listener(name, { protocol: 0 }))),
    fc
      .tuple(names, listeners, fc.constantFrom('/', '/x', '/x/y'), fc.constantFrom([], ['a.test'], ['*.b.test']))
      .map(([name, to, prefix, hostnames]) => good(route(name, to, { prefix, hostnames: [...hostnames] }))),
    fc
      .tuple(names, listeners, fc.array(spec, { maxLength: 3 }), fc.array(spec, { maxLength: 1 }))
      .map(([name, to, filters, backendFilters]) =>
        good(route(name, to, { filters, backendFilters, backend: 'httpbackend/default/a' })),
      ),
    names.map((name) =>
      bad(
        encodeResource(`httproute/default/${name}`, {
          case: 'route',
          value: {
            parents: [{ listener: 'listener/default/g/a' }],
            rules: [{ matches: [{ path: { match: { case: 'regex', value: '(' } } }] }],
          },
        }),
      ),
    ),
    fc
      .tuple(names, fc.uniqueArray(target, { maxLength: 2 }), spec, fc.constantFrom(1n, 2n), mode)
      .map(([name, targets, what, createdMs, how]) =>
        good(policy(name, targets, what, { createdMs, mode: how, kind: 'one' })),
      ),
    fc
      .tuple(names, target)
      .map(([name, at]) => good(policy(name, [at], requires('true'), { invalid: 'broken', kind: 'one' }))),
    fc.tuple(names, target).map(([name, at]) => good(unknownPolicy(name, at, 'one'))),
    fc.tuple(names, target).map(([name, at]) => bad(policy(name, [at], requires('1 +'), { kind: 'one' }))),
    fc.tuple(names, fc.constantFrom(80, 81)).map(([name, port]) => good(backend(name, port))),
    names.map((name) => bad(withBytes(backend(name), field(3, field(4000, 'new'))))),
    fc
      .tuple(names, fc.constantFrom('10.0.0.1', '10.0.0.2'))
      .map(([name, address]) =>
        good(encodeEndpoints(`endpoints/default/${name}/80`, { endpoints: [{ address, port: 1 }] })),
      ),
    names.map((name) => bad(withBytes(encodeEndpoints(`endpoints/default/${name}/80`, {}), garbage))),
    names.map((name) => good(encodeSecret(`secret/default/${name}`, { entries: [{ name: 'k', value: garbage }] }))),
  );
  const change = fc.record({ set: fc.array(offer, { maxLength: 4 }), remove: fc.array(offer, { maxLength: 2 }) });

  test('property', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        const store = openStore();
        const model = new Map<string, Offer>();
        const offered = new Map<string, Offer>();
        for (const step of changes) {
          for (const one of step.set) {
            const before = model.get(one.resource.key);
            if (!one.isRejected || before === undefined || before.isRejected) model.set(one.resource.key, one);
            offered.set(one.resource.key, one);
          }
          for (const { resource } of step.remove) {
            model.delete(resource.key);
            offered.delete(resource.key);
          }
          await store.update({
            set: step.set.map(({ resource }) => resource),
            removed: step.remove.map(({ resource }) => resource),
          });
          const scratch = openStore();
          await set(
            scratch,
            ...[...model.values()].map(({ resource }) => resource).toSorted((a, b) => (a.version < b.version ? -1 : 1)),
          );
          expect(observe(store.current)).toEqual(observe(scratch.current));
          expect(store.stateCount).toBe(scratch.stateCount);
          const rejected = [...offered].filter(([, { isRejected }]) => isRejected).map(([key]) => key);
          expect(store.rejections.map(({ key }) => key).sort()).toEqual(rejected.sort());
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('only what changed is built again', () => {
  test('an update that repeats what is held does nothing', async () => {
    const store = openStore();
    await set(store, ...base);
    const before = store.current;
    expect(await set(store, ...base)).toEqual([]);
    expect(store.current).toBe(before);
  });

  test('a changed route leaves the plans of the others alone', async () => {
    const store = openStore();
    await set(
      store,
      ...base,
      route('x', ['http'], { prefix: '/x' }),
      policy('p', ['httproute/default/r'], setsHeader('a', '1')),
    );
    const [before, target] = [ruleFor(store.current), store.current.backend('httpbackend/default/a')];
    await set(store, route('x', ['http'], { prefix: '/x', backend: 'httpbackend/default/b' }));
    expect(ruleFor(store.current)).toBe(before);
    expect(store.current.backend('httpbackend/default/a')).toBe(target);
    expect(ruleFor(store.current, '/x')?.backends[0]?.key).toBe('httpbackend/default/b');
  });

  test('a policy of another route leaves a plan alone; one of its own makes a new one', async () => {
    const store = openStore();
    await set(store, ...base, route('x', ['http'], { prefix: '/x' }));
    const before = ruleFor(store.current);
    await set(store, policy('p', ['httproute/default/x'], setsHeader('a', '1')));
    expect(ruleFor(store.current)).toBe(before);
    await set(store, policy('q', ['httproute/default/r'], setsHeader('a', '2')));
    expect(play(ruleFor(store.current)!.plan)).toEqual([['a', '2']]);
  });

  test('rotating a secret makes no new plan, and readers see the new value at once', async () => {
    const store = openStore();
    await set(store, ...base, secret('old'));
    const [rule, target, binds] = [
      ruleFor(store.current),
      store.current.backend('httpbackend/default/a'),
      store.current.binds,
    ];
    expect(store.secret('secret/default/s', 'k')).toBe('old');
    await set(store, secret('new'));
    expect(store.secret('secret/default/s', 'k')).toBe('new');
    expect([ruleFor(store.current), store.current.backend('httpbackend/default/a')]).toEqual([rule, target]);
    expect(store.current.binds).toBe(binds);
    await remove(store, secret('new'));
    expect(store.secret('secret/default/s', 'k')).toBeUndefined();
  });

  test('whose turn it is among backends survives the edit of a policy', async () => {
    const store = openStore();
    const halves = encodeResource('httproute/default/r', {
      case: 'route',
      value: {
        parents: [{ listener: 'listener/default/g/http' }],
        rules: [{ backends: ['a', 'b'].map((name) => ({ backend: `httpbackend/default/${name}`, weight: 1 })) }],
      },
    });
    await set(store, listener('http'), halves);
    const first = ruleFor(store.current)!.choose()!.key;
    await set(store, policy('p', [gatewayKey], setsHeader('a', '1')));
    expect(ruleFor(store.current)!.choose()!.key).not.toBe(first);
  });

  test('an update that waits for its sockets is not seen before, and the next waits for it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { Store } = await import('./store.ts');
    const asked: number[] = [];
    const store = new Store({} as never, async (next) => {
      asked.push(next.generation);
      await promise;
    });
    const first = set(store, ...base);
    const second = set(store, backend('b'));
    await Promise.resolve();
    await new Promise(setImmediate);
    expect([store.current.generation, asked]).toEqual([0, [1]]);
    resolve();
    await Promise.all([first, second]);
    expect([store.current.generation, asked]).toEqual([2, [1, 2]]);
  });
});

describe('nothing restricting is dropped', () => {
  const closed = 'policy-invalid';
  const open: unknown = [];

  const places: readonly (readonly [string, string])[] = [
    ['gateway', gatewayKey],
    ['listener', `${gatewayKey}#http`],
    ['route', 'httproute/default/r'],
    ['rule', 'httproute/default/r#main'],
  ];
  const kinds: readonly (readonly [string, (target: string) => EncodedResource])[] = [
    ['an invalid policy', (target) => policy('p', [target], requires('true'), { invalid: 'no such secret' })],
    ['an unknown kind', (target) => unknownPolicy('p', target.split('#')[0]!)],
    ['an unknown kind under a shaping name', (target) => unknownPolicy('p', target.split('#')[0]!, 'cors')],
    ['a rejection without a last good', (target) => badExpression('p', target)],
  ];
  describe.each(places)('on a %s', (place, target) => {
    test.each(kinds)('%s', async (_kind, make) => {
      const store = openStore();
      await set(store, ...base, make(target));
      expect(play(ruleFor(store.current)!.plan)).toBe(closed);
      const [bind] = store.current.binds.values();
      const { unmatched } = bind!.listeners[0]!;
      const isAbove = target.startsWith('gateway/');
      expect(play(unmatched), place).toEqual(isAbove ? closed : open);
      await remove(store, make(target));
      expect(play(ruleFor(store.current)!.plan)).toEqual(open);
    });
  });

  test.each(kinds)('on a backend: %s', async (_kind, make) => {
    const store = openStore();
    await set(store, ...base, route('x', ['http'], { prefix: '/x', backend: 'httpbackend/default/b' }));
    await set(store, make('httpbackend/default/a'));
    expect(play(ruleFor(store.current)!.backends[0]!.plan)).toBe(closed);
    expect(play(ruleFor(store.current, '/x')!.backends[0]!.plan)).toEqual(open);
    await remove(store, make('httpbackend/default/a'));
    expect(play(ruleFor(store.current)!.backends[0]!.plan)).toEqual(open);
  });

  test('elsewhere nothing is closed', async () => {
    const store = openStore();
    await set(
      store,
      ...base,
      listener('other', { hostname: 'b.test' }),
      route('x', ['other']),
      badExpression('p', `${gatewayKey}#http`),
    );
    expect(play(ruleFor(store.current, '/', 'b.test')!.plan)).toEqual(open);
  });

  test('with a last good, the last good stays, until a better one comes', async () => {
    const store = openStore();
    await set(store, ...base, policy('p', ['httproute/default/r'], requires('false')));
    expect(play(ruleFor(store.current)!.plan)).toBe('forbidden');
    const before = store.current;
    const rejections = await set(store, badExpression('p', 'httproute/default/r'));
    expect(rejections).toMatchObject([
      { key: 'policy/default/p/authorization', reason: expect.stringContaining('rules[0]') },
    ]);
    expect(store.current).toBe(before);
    expect(store.rejections).toEqual(rejections);
    await set(store, policy('p', ['httproute/default/r'], requires('true')));
    expect(play(ruleFor(store.current)!.plan)).toEqual(open);
    expect(store.rejections).toEqual([]);
  });

  test('the last good offered again is no rejection any more', async () => {
    const store = openStore();
    const lastGood = policy('p', ['httproute/default/r'], requires('true'));
    await set(store, ...base, lastGood);
    await set(store, badExpression('p', 'httproute/default/r'));
    expect(store.rejections).toHaveLength(1);
    await set(store, lastGood);
    expect(store.rejections).toEqual([]);
  });

  test('a rejected policy that moves closes its new target, and opens the old one', async () => {
    const store = openStore();
    await set(store, ...base, route('x', ['http'], { prefix: '/x' }), badExpression('p', 'httproute/default/r'));
    await set(store, badExpression('p', 'httproute/default/x'));
    expect(play(ruleFor(store.current, '/x')!.plan)).toBe(closed);
    expect(play(ruleFor(store.current)!.plan)).toEqual(open);
  });

  test('a shaping policy that is invalid is left out', async () => {
    const store = openStore();
    await set(store, ...base, policy('p', [gatewayKey], setsHeader('a', '1'), { invalid: 'no' }));
    expect(play(ruleFor(store.current)!.plan)).toEqual(open);
  });

  test('a filter that cannot be read or compiled closes its rule', async () => {
    const store = openStore();
    const unknown = withBytes(
      route('x', []),
      field(2, Buffer.concat([field(1, field(1, 'listener/default/g/http')), field(3, field(3, field(4000, 'new')))])),
    );
    await set(store, listener('http'), unknown);
    expect(play(ruleFor(store.current)!.plan)).toBe(closed);
    await set(
      store,
      route('x', ['http'], {
        filters: [{ kind: { case: 'transformation', value: { request: { body: '1 +' } } } } as never],
      }),
    );
    expect(play(ruleFor(store.current)!.plan)).toBe(closed);
  });

  test('a filter of one backend closes its share only', async () => {
    const store = openStore();
    const filters = [{ kind: { case: undefined } }] as never;
    await set(
      store,
      listener('http'),
      encodeResource('httproute/default/r', {
        case: 'route',
        value: {
          parents: [{ listener: 'listener/default/g/http' }],
          rules: [
            {
              backends: [
                { backend: 'a', weight: 1, filters },
                { backend: 'b', weight: 1 },
              ],
            },
          ],
        },
      }),
    );
    const [first, second] = ruleFor(store.current)!.backends;
    expect([play(first!.plan), play(second!.plan)]).toEqual([closed, open]);
  });

  test('a match that only newer versions know does not match everything', async () => {
    const store = openStore();
    const strange = withBytes(
      route('x', []),
      field(
        2,
        Buffer.concat([
          field(1, field(1, 'listener/default/g/http')),
          field(3, field(2, field(1, field(4000, 'new')))),
        ]),
      ),
    );
    expect(await set(store, listener('http'), strange)).toMatchObject([{ key: 'httproute/default/x' }]);
    expect(ruleFor(store.current)).toBeUndefined();
  });
});

describe('types are independent of each other', () => {
  const key = 'httpbackend/default/a';
  const endpoints = encodeEndpoints(key, { endpoints: [{ address: '10.0.0.1', port: 1 }] });

  test('equal keys of two types stand beside each other, and are removed one by one', async () => {
    const store = openStore();
    await set(store, ...base, endpoints);
    expect(held(store)).toHaveLength(4);
    expect(store.current.backend(key)).toBeDefined();
    expect(store.current.endpoints(key)).toHaveLength(1);
    await remove(store, endpoints);
    expect(store.current.backend(key)).toBeDefined();
    expect(store.current.endpoints(key)).toBeUndefined();
    await set(store, endpoints);
    await remove(store, backend('a'));
    expect(store.current.backend(key)).toBeUndefined();
    expect(store.current.endpoints(key)).toHaveLength(1);
  });

  test('the removal of one does not forget the rejection of the other', async () => {
    const store = openStore();
    await set(store, withBytes(backend('a'), garbage));
    await remove(store, endpoints);
    expect(store.rejections).toMatchObject([{ key, typeUrl: typeUrls.resource }]);
  });
});

describe('rejections', () => {
  test('bad bytes, unknown kinds and unknown protocols are rejected by name, the rest is applied', async () => {
    const store = openStore();
    const rejections = await set(
      store,
      ...base,
      withBytes(backend('b'), garbage),
      withBytes(backend('c'), field(4000, 'new')),
      listener('tls', { protocol: 7 as never }),
      withBytes(encodeSecret('secret/default/s', {}), garbage),
    );
    expect(rejections.map(({ key, typeUrl }) => [key, typeUrl])).toEqual([
      ['httpbackend/default/b', typeUrls.resource],
      ['httpbackend/default/c', typeUrls.resource],
      ['listener/default/g/tls', typeUrls.resource],
      ['secret/default/s', typeUrls.secret],
    ]);
    expect(ruleFor(store.current)?.route).toBe('httproute/default/r');
  });

  test('a rejected resource that is removed is forgotten', async () => {
    const store = openStore();
    const broken = withBytes(backend('b'), garbage);
    await set(store, broken);
    await remove(store, broken);
    expect(store.rejections).toEqual([]);
  });

  test('a fault of this program changes nothing, and the next update works', async () => {
    const store = openStore();
    await set(store, ...base, policy('p', [gatewayKey], setsHeader('a', '1')));
    const before = store.current;
    const { part } = [...store.held()].find(({ key }) => key === 'httproute/default/r')!;
    // Nothing can make the linker throw from outside, so one of its inputs fails once, behind its back.
    const { message } = part as unknown as { message: { parents: unknown } };
    const { parents } = message;
    let reads = 0;
    Object.defineProperty(message, 'parents', {
      get() {
        if (reads++ === 0) throw new Error('a fault');
        return parents;
      },
    });
    await expect(set(store, route('r', ['http'], { prefix: '/new' }))).rejects.toThrow('a fault');
    expect(store.current).toBe(before);
    await set(store, route('r', ['http'], { prefix: '/new' }));
    expect(ruleFor(store.current)).toBeUndefined();
    expect(play(ruleFor(store.current, '/new')!.plan)).toEqual([['a', '1']]);
  });
});

describe('sockets', () => {
  test('listeners with one address and port share a bind; port 0 is another socket for each', async () => {
    const store = openStore();
    await set(
      store,
      listener('a', { hostname: 'a.test' }),
      listener('b', { hostname: 'b.test' }),
      listener('c', { port: 0 }),
      listener('d', { port: 0 }),
      listener('e', { addresses: ['::1'] }),
    );
    expect(
      [...store.current.binds.values()].map(({ address, port, listeners }) => [
        address,
        port,
        listeners.map(({ key }) => key),
      ]),
    ).toEqual([
      ['', 8080, ['listener/default/g/a', 'listener/default/g/b']],
      ['', 0, ['listener/default/g/c']],
      ['', 0, ['listener/default/g/d']],
      ['::1', 8080, ['listener/default/g/e']],
    ]);
  });
});
