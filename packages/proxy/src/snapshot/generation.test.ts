// State lives exactly as long as some snapshot that holds it has requests or is current.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Generation, Retirement } from './generation.ts';
import { Lifetimes } from './lifetimes.ts';

const resource = (log: string[], name: string): (() => Disposable) => {
  return () => ({ [Symbol.dispose]: () => log.push(name) });
};

describe('scopes', () => {
  test('one object per identity, disposed with its last holder', () => {
    const log: string[] = [];
    const lifetimes = new Lifetimes();
    const [a, b] = [lifetimes.scope(1), lifetimes.scope(1)];
    const first = a.open('x', resource(log, 'x'));
    expect(a.open('x', resource(log, 'other'))).toBe(first);
    expect(b.open('x', resource(log, 'other'))).toBe(first);
    a.release();
    a.release();
    expect([log, lifetimes.size]).toEqual([[], 1]);
    b.release();
    expect([log, lifetimes.size]).toEqual([['x'], 0]);
  });

  test('what a released scope asks for is not kept', () => {
    const lifetimes = new Lifetimes();
    const scope = lifetimes.scope(1);
    scope.release();
    scope.open('x', resource([], 'x'));
    expect(lifetimes.size).toBe(0);
  });

  test('state that cannot be disposed is said, and the rest is let go', () => {
    const log: string[] = [];
    const failed: string[] = [];
    const lifetimes = new Lifetimes((identity) => failed.push(identity));
    const scope = lifetimes.scope(1);
    scope.open('bad', () => ({
      [Symbol.dispose]() {
        throw new Error('no');
      },
    }));
    scope.open('good', resource(log, 'good'));
    scope.release();
    expect([failed, log, lifetimes.size]).toEqual([['bad'], ['good'], 0]);
  });
});

describe('retirement', () => {
  test('a part that a running request never saw does not wait for it', () => {
    const lifetimes = new Lifetimes();
    const retirement = new Retirement();
    const generations = [0, 1, 2].map((number) => new Generation(number));
    generations[0]!.enter();
    const scope = lifetimes.scope(1);
    scope.open('x', resource([], 'x'));
    retirement.supersede(generations[0]!, []);
    retirement.supersede(generations[1]!, [scope]);
    expect(lifetimes.size).toBe(0);
  });

  test('thousands of edits during one request end without deep recursion', () => {
    const lifetimes = new Lifetimes();
    const retirement = new Retirement();
    const first = new Generation(0);
    first.enter();
    const held = lifetimes.scope(0);
    held.open('x', resource([], 'x'));
    let current = first;
    for (let number = 1; number < 50_000; number++) {
      retirement.supersede(current, number === 1 ? [held] : []);
      current = new Generation(number);
    }
    expect(lifetimes.size).toBe(1);
    first.leave();
    expect(lifetimes.size).toBe(0);
  });

  test('property: open is what the current snapshot, or one with requests, holds', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('swap' as const), keep: fc.array(fc.nat(3), { maxLength: 4 }) }),
      fc.record({ do: fc.constant('enter' as const) }),
      fc.record({ do: fc.constant('leave' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const lifetimes = new Lifetimes();
        const retirement = new Retirement();
        const open = new Set<string>();
        /** Snapshots as sets of identities, one part per letter, and their uses. */
        type World = { use: Generation; parts: Map<number, { id: string; scope: ReturnType<Lifetimes['scope']> }> };
        let current: World = { use: new Generation(0), parts: new Map() };
        const running: World[] = [];
        for (const step of actions) {
          if (step.do === 'enter') {
            current.use.enter();
            running.push(current);
          } else if (step.do === 'leave') {
            if (running.length > 0) running.splice(step.which % running.length, 1)[0]!.use.leave();
          } else {
            const number = current.use.number + 1;
            const parts: World['parts'] = new Map();
            for (let letter = 0; letter < 4; letter++) {
              const before = current.parts.get(letter);
              if (before && step.keep.includes(letter)) parts.set(letter, before);
              else if (step.keep.includes(letter) || number % 2 === letter % 2) {
                const id = `${letter}@${number}`;
                const scope = lifetimes.scope(number);
                scope.open(id, () => (open.add(id), { [Symbol.dispose]: () => open.delete(id) }));
                parts.set(letter, { id, scope });
              }
            }
            const replaced = [...current.parts.values()].filter((part) => ![...parts.values()].includes(part));
            const next: World = { use: new Generation(number), parts };
            retirement.supersede(
              current.use,
              replaced.map(({ scope }) => scope),
            );
            current = next;
          }
          const wanted = new Set([current, ...running].flatMap(({ parts }) => [...parts.values()].map(({ id }) => id)));
          expect([...open].sort()).toEqual([...wanted].sort());
        }
      }),
    );
  });
});
