// The request's time-out: whose it is, and what it does not cut.
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { Body } from '@agentgateway/core/body.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { makeExchange } from '@agentgateway/core/policy/fixture.ts';
import { type RuleSettings, defaultSettings } from '@agentgateway/core/settings.ts';
import type { Responder } from '../server/responder.ts';
import { type Snapshot, emptySnapshot } from '../snapshot/snapshot.ts';
import type { TimerWheel } from '../upstream/timer-wheel.ts';
import { type Pipeline, handle } from './handle.ts';

function settings(requestMs: number): RuleSettings {
  return { ...defaultSettings, timeouts: { ...defaultSettings.timeouts, requestMs } };
}

/** Handles one request and tells which time-outs ran while the answer was written. */
async function run(ruleMs: number, backendMs: number, body: Body) {
  const running = new Map<number, () => void>();
  let count = 0;
  const timers = {
    start(delayMs: number, fire: () => void) {
      const id = ++count;
      running.set(id, fire);
      delays.push(delayMs);
      return { stop: () => void running.delete(id) };
    },
  } as unknown as TimerWheel;
  const delays: number[] = [];
  const choice = { key: 'b', port: 0, plan: { steps: [] }, settings: settings(backendMs) };
  const rule = { route: 'r', rule: '', plan: { steps: [] }, settings: settings(ruleMs), choose: () => choice };
  const listener = { key: 'l', gateway: 'g', router: { match: () => ({ value: rule }) }, unmatched: { steps: [] } };
  const bind = { key: 'x', select: () => listener };
  const reply: Reply = { status: 101, headers: new HeaderList(), body, origin: 'upstream' };
  const snapshot = {
    ...emptySnapshot(),
    binds: new Map([['x', bind]]),
    backend: () => ({ key: 'b', call: () => Promise.resolve(reply) }),
  } as unknown as Snapshot;
  let exchange: Exchange | undefined;
  let atAnswer = 0;
  const responder = {
    onClose() {},
    respond() {
      atAnswer = running.size;
      return Promise.resolve({ bodyBytes: 0, isHeadSent: true, isClientGone: false });
    },
  } as unknown as Responder;
  const pipeline: Pipeline = {
    store: { current: snapshot },
    timers,
    limits: { replayBytesMax: 1, responseBytesMax: 1 },
    record: (ended) => (exchange = ended),
  };
  await handle(pipeline, 'x', makeExchange().head, responder);
  return { delays, atAnswer, left: running.size, cancelled: exchange?.cancelReason };
}

test('it runs until the answer is written, and not through an upgraded connection', async () => {
  expect(await run(500, 500, Body.of('x'))).toEqual({ delays: [500], atAnswer: 1, left: 0, cancelled: undefined });
  const stream = new Duplex({ read() {} });
  const tunnel = Body.upgraded(Object.assign(stream, { stream, protocol: 'websocket', idleMs: 0 }));
  expect(await run(500, 500, tunnel)).toEqual({ delays: [500], atAnswer: 0, left: 0, cancelled: undefined });
});

test('that of the backend takes the place of the rule’s once it is chosen', async () => {
  expect(await run(500, 200, Body.of('x'))).toMatchObject({ delays: [500, 200], atAnswer: 1, left: 0 });
  expect(await run(0, 200, Body.of('x'))).toMatchObject({ delays: [200], atAnswer: 1 });
  expect(await run(500, 0, Body.of('x'))).toMatchObject({ delays: [500], atAnswer: 0 });
});
