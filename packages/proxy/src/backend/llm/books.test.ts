// The books of an attempt: whatever is told in whatever order, it is settled or released exactly once, and the exchange can wait for it.
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { LlmFacts } from '@agentgateway/core/llm-facts.ts';
import { makeExchange } from '@agentgateway/core/policy/fixture.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Settlement } from '@agentgateway/quota';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BackendEnvironment } from '../registry.ts';
import { Books } from './books.ts';
import type { Provider } from './profile.ts';

const usage = { inputTotal: 3, outputTotal: 4, source: 'reported' } as const;
const upstream = new GatewayError('upstream-reset', 'reset');

/** What may be told of an attempt, and what the ledger must hear of it if it is told first. */
const acts = {
  completed: [(books: Books) => books.settle('completed', usage), 'completed reported 7 50'],
  failed: [(books: Books) => books.settle('failed', undefined, upstream), 'failed unknown 0 undefined'],
  released: [(books: Books) => books.release(upstream), 'released'],
  unsent: [(books: Books) => books.unanswered(new GatewayError('upstream-connect-failed', 'no'), usage), 'released'],
  unanswered: [(books: Books) => books.unanswered(upstream, usage), 'failed unknown 0 undefined'],
  broken: [(books: Books) => books.broken(upstream, usage), 'failed unknown 0 undefined'],
} as const;
type Act = keyof typeof acts;

interface World {
  readonly exchange: Exchange;
  readonly environment: BackendEnvironment;
  readonly heard: string[];
}

function world(isFailing = false): World {
  const heard: string[] = [];
  const hear = async (what: string): Promise<void> => {
    heard.push(what);
    if (isFailing) throw new Error('the ledger is away');
  };
  const exchange = makeExchange();
  exchange.llm = {} as LlmFacts;
  const ledger = {
    reserve: async () => ({}),
    settle: (_id: string, { end, source, tokens, costNano }: Settlement) => hear(`${end} ${source} ${tokens} ${costNano}`),
    release: () => hear('released'),
  };
  const environment = { ledger, monotonicMs: () => 5, log: { error() {} } };
  return { exchange, environment: environment as unknown as BackendEnvironment, heard };
} // prettier-ignore

const provider = { name: 'p', owner: { key: 'b' }, address: undefined } as Provider;
const open = ({ exchange, environment }: World, price = (): { nano: bigint } => ({ nano: 50n })): Promise<Books> =>
  Books.open({ exchange, environment, provider, model: 'm', bound: { costNano: 1n, tokens: 1 }, price });

const settled = ({ exchange }: World): Promise<void> => new Promise((resolve) => exchange.whenSettled(resolve));

test('any story is closed once, by what was told first', async () => {
  const names = Object.keys(acts) as Act[];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 6 }), fc.boolean(), async (story, isFailing) => {
      const around = world(isFailing);
      const books = await open(around);
      expect(around.exchange.isSettled).toBe(false);
      for (const name of story) acts[name][0](books);
      await settled(around);
      expect(around.heard).toEqual([acts[story[0]!][1]]);
      expect(books.record.endMs).toBe(5);
    }),
  );
}); // prettier-ignore

test('an attempt that was given up is settled by the guess', async () => {
  const around = world();
  const books = await open(around);
  around.exchange.cancelReason = 'client-gone';
  books.broken(upstream, usage);
  await settled(around);
  expect(around.heard).toEqual(['aborted reported 7 50']);
});

test('a price that cannot be computed is unknown, and keeps nothing open', async () => {
  const around = world();
  const books = await open(around, () => {
    throw new RangeError('too much');
  });
  books.settle('completed', usage);
  await settled(around);
  expect(around.heard).toEqual(['completed reported 7 undefined']);
  expect(around.exchange.llm!.costUnknown).toContain('could not be computed');
});

test('what the ledger refuses leaves nothing to wait for', async () => {
  const around = world();
  const refusal = new GatewayError('overloaded', 'no');
  (around.environment.ledger as { reserve: unknown }).reserve = () => Promise.reject(refusal);
  await expect(open(around)).rejects.toBe(refusal);
  expect([around.exchange.isSettled, around.heard.length]).toEqual([true, 0]);
  expect(around.exchange.attempts[0]).toMatchObject({ reason: 'overloaded' });
});
