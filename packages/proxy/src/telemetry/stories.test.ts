// Stories: the last ones, newest first, and never more of a request than there is room for.
import { expect, test } from 'vitest';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import { toAccessLine } from './access-line.ts';
import type { Outcome } from './outcome.ts';
import { Stories, toJson } from './stories.ts';

const outcome: Outcome = { status: 200, reason: undefined, message: undefined, durationMs: 1, bodyBytes: 0 };
const long = 'm'.repeat(1_000_000);

function exchangeOf(id: string, more: object = {}): Exchange {
  const head = {
    method: 'GET',
    authority: 'h',
    path: '/',
    httpVersion: '1.1',
    client: { address: '::1', port: 1 },
    startEpochMs: 0,
  };
  const placement = { bind: '', listener: '', gateway: '', route: '', rule: '', matchedPrefix: undefined };
  return {
    id,
    head,
    placement,
    verdicts: [],
    attempts: [],
    notes: [],
    dialect: 'json',
    ...more,
  } as unknown as Exchange;
}

test('keeps the last ones, newest first', () => {
  const stories = new Stories(3);
  expect([...stories.newest()]).toEqual([]);
  for (const id of ['a', 'b', 'c', 'd', 'e']) stories.add(exchangeOf(id), outcome);
  expect([...stories.newest()].map(({ id }) => id)).toEqual(['e', 'd', 'c']);
});

test('what clients and providers make long is cut, in stories and in lines', () => {
  const llm = {
    operation: long,
    format: 'chat',
    requestModel: long,
    modelLabel: 'other',
    upstreamModel: `${long}2`,
    responseModel: long,
    finishReason: long,
    provider: 'p',
    isStreaming: false,
    params: {},
    costNano: 1n,
  };
  const notes = Array.from({ length: 5000 }, () => long);
  const head = { ...exchangeOf('x').head, method: long, authority: long, path: long };
  const exchange = exchangeOf('x', { llm, notes, head });
  const stories = new Stories(1);
  stories.add(exchange, outcome);
  const [story] = [...stories.newest()].map(toJson) as { notes: string[]; llm: Record<string, unknown> }[];
  expect(JSON.stringify(story).length).toBeLessThan(200_000);
  expect(story!.notes.at(-1)).toBe('and 4900 more');
  expect(story!.llm).toMatchObject({
    provider: 'p',
    requestModel: `${'m'.repeat(256)}… (1000000 characters)`,
    cost: { nanoUsd: '1' },
  });
  expect(JSON.stringify(toAccessLine(exchange, outcome)).length).toBeLessThan(10_000);
  // The request itself keeps its words.
  expect(exchange.llm!.requestModel).toBe(long);
});
