// Endpoints take turns, and the turn outlives the part that asks.
import type { Environment } from '@agentgateway/core/environment.ts';
import type { EndpointAddress, Exchange } from '@agentgateway/core/exchange.ts';
import { expect, test } from 'vitest';
import { openRoundRobin } from './round-robin.ts';

const exchange = {} as Exchange;

function environment(): Environment {
  const held = new Map<string, unknown>();
  const state = (identity: string, open: () => unknown): unknown => {
    if (!held.has(identity)) held.set(identity, open());
    return held.get(identity);
  };
  return { state } as unknown as Environment;
}

function addresses(...names: string[]): EndpointAddress[] {
  return names.map((address) => ({ address, port: 80 }));
}

test('every endpoint has its turn, also after some came or went', () => {
  const pick = openRoundRobin(environment(), 'x');
  const three = addresses('a', 'b', 'c');
  const picked = (endpoints: EndpointAddress[], count: number): string =>
    Array.from({ length: count }, () => pick(endpoints, exchange)?.address ?? '-').join('');
  expect(picked(three, 5)).toBe('abcab');
  expect(picked(addresses('a', 'b'), 3)).toBe('aba');
  expect(picked([], 2)).toBe('--');
  expect(picked(three, 3)).toBe('bca');
});

test('a picker that is opened anew goes on where the last one was', () => {
  const shared = environment();
  const endpoints = addresses('a', 'b');
  expect(openRoundRobin(shared, 'x')(endpoints, exchange)?.address).toBe('a');
  expect(openRoundRobin(shared, 'x')(endpoints, exchange)?.address).toBe('b');
  expect(openRoundRobin(shared, 'y')(endpoints, exchange)?.address).toBe('a');
});
