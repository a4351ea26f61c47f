// Names of models (contract 12): exact, longest wildcard, PROVIDER/model; references among backends; near names.
import { create } from '@bufbuild/protobuf';
import { type LLMBackend, LLMBackendSchema } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Resolution, isCovered, listModels, resolveModel, targetsMax } from './resolve.ts';

interface TargetWords {
  readonly to: string;
  readonly model?: string;
  readonly weight?: number;
  readonly priority?: number;
}

interface BackendWords {
  readonly providers?: readonly string[];
  readonly models?: Readonly<Record<string, readonly TargetWords[]>>;
  readonly includes?: readonly string[];
  readonly isListed?: boolean;
}

function toBackend({ providers = [], models = {}, includes = [], isListed = false }: BackendWords): LLMBackend {
  return create(LLMBackendSchema, {
    providers: providers.map((name) => ({ name, driver: 'openai' })),
    models: Object.entries(models).map(([name, targets]) => ({
      name,
      targets: targets.map(({ to, model = '', weight = 1, priority = 0 }) => ({
        to: to.startsWith('@')
          ? ({ case: 'backend', value: to.slice(1) } as const)
          : ({ case: 'provider', value: to } as const),
        model,
        weight,
        priority,
      })),
    })),
    includes: [...includes],
    exposeAll: !isListed,
  });
}

function world(words: Readonly<Record<string, BackendWords>>): (key: string, asked: string) => Resolution | undefined {
  const backends = new Map(Object.entries(words).map(([key, one]) => [key, toBackend(one)]));
  return (key, asked) => resolveModel(key, backends.get(key)!, asked, (other) => backends.get(other));
}

const told = (resolution: Resolution | undefined): string[] | undefined =>
  resolution?.targets.map(
    ({ backend, provider, model, weight, priorities }) =>
      `${backend}:${provider.name}/${model} w${weight} p${priorities.join('.')}`,
  );

describe('a name', () => {
  const find = world({
    a: {
      providers: ['one', 'gpt'],
      models: {
        '*': [{ to: 'one' }],
        'gpt-*': [{ to: 'one', model: 'from-gpt' }],
        'gpt-4*': [{ to: 'one', model: 'from-gpt-4' }],
        '*-mini': [{ to: 'one', model: 'from-mini' }],
        'gpt-4o': [{ to: 'one', model: 'exact' }],
      },
    },
    b: { providers: ['one'], models: { known: [{ to: 'one' }] } },
    c: { providers: ['one'], models: { known: [{ to: 'one' }] }, isListed: true },
    d: { includes: ['c', 'b', 'nowhere'], models: { 'k*': [{ to: 'nobody' }] } },
  });

  test('is exact before the longest wildcard before PROVIDER/model', () => {
    const name = (asked: string): string | undefined => find('a', asked)?.name;
    expect([name('gpt-4o'), name('gpt-4.1'), name('gpt-5'), name('x-mini'), name('gpt-4-mini'), name('claude')]).toEqual([
      'gpt-4o', 'gpt-4*', 'gpt-*', '*-mini', 'gpt-4*', '*',
    ]); // prettier-ignore
    expect(name('one/x')).toBe('*');
    expect(told(find('b', 'one/x/y'))).toEqual(['b:one/x/y w1 p']);
    expect(find('b', 'one/x')!.name).toBeUndefined();
    for (const asked of ['one/', '/x', 'two/x', 'one', 'unknown', '']) expect(find('b', asked), asked).toBeUndefined();
    expect(find('c', 'one/x')).toBeUndefined();
  });

  test('a wildcard’s target without a model gets the name that was asked for', () => {
    expect(told(find('a', 'claude'))).toEqual(['a:one/claude w1 p']);
  });

  test('is looked for in included backends too; an exact name there beats an own wildcard', () => {
    expect(told(find('d', 'known'))).toEqual(['c:one/known w1 p']);
    expect(find('d', 'kxx')!.targets).toEqual([]);
    // Exposed where one of them exposes it.
    expect(told(find('d', 'one/x'))).toEqual(['b:one/x w1 p']);
  });
});

describe('references among backends', () => {
  test('divide their share among their own targets, priorities within priorities', () => {
    const find = world({
      team: { providers: ['own'], models: { smart: [{ to: 'own', weight: 1 }, { to: '@platform', model: 'big', weight: 3 }, { to: '@platform', model: 'small', priority: 2 }] } },
      platform: { providers: ['x', 'y'], models: { big: [{ to: 'x', weight: 1 }, { to: 'y', weight: 2 }, { to: 'x', model: 'spare', priority: 5 }], small: [{ to: 'y' }] } },
    }); // prettier-ignore
    expect(told(find('team', 'smart'))).toEqual([
      'team:own/smart w1 p',
      'platform:x/big w1 p',
      'platform:y/big w2 p',
      'platform:x/spare w3 p0.5',
      'platform:y/small w1 p2',
    ]);
  });

  test('a reference to what is not there, or does not know the name, gives nothing', () => {
    const find = world({ a: { models: { m: [{ to: '@nowhere' }, { to: '@b' }] } }, b: {} });
    expect(find('a', 'm')!.targets).toEqual([]);
  });

  test('cycles end, however many backends refer to each other', () => {
    const keys = Array.from({ length: 12 }, (_, i) => `b${i}`);
    const all = keys.flatMap((key) => Array.from({ length: 3 }, () => ({ to: `@${key}` })));
    const find = world(Object.fromEntries(keys.map((key) => [key, { providers: ['p'], models: { m: [...all, { to: 'p' }] }, includes: keys }])));
    expect(find('b0', 'm')!.targets.length).toBe(targetsMax);
    const own = world({ a: { models: { m: [{ to: '@a' }] } } });
    expect(own('a', 'm')!.targets).toEqual([]);
  }); // prettier-ignore
});

describe('names', () => {
  test('are listed once, in order, included ones behind', () => {
    const backends: Record<string, LLMBackend> = {
      a: toBackend({ models: { x: [], y: [] }, includes: ['b'] }),
      b: toBackend({ models: { y: [], z: [] }, includes: ['a'] }),
    };
    expect(listModels('a', backends['a']!, (key) => backends[key])).toEqual(['x', 'y', 'z']);
  });

  test('a pattern covers what its star may stand for', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (before, inner, after) => {
        fc.pre(!before.includes('*') && !after.includes('*'));
        expect(isCovered(`${before}*${after}`, before + inner + after)).toBe(true);
        expect(isCovered(before + after, before + inner + after)).toBe(inner === '');
      }),
    );
    expect(isCovered('ab*ba', 'aba')).toBe(false);
  });
});
