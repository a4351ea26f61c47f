// When a check changes what is thought of an endpoint, and when it asks.
import { expect, test } from 'vitest';
import { Body } from '@agentgateway/core/body.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { ActiveHealthSettings } from '@agentgateway/core/settings.ts';
import type { UpstreamRequest } from '../../upstream/request.ts';
import { EndpointTable } from '../picker/endpoint-table.ts';
import type { BackendEnvironment } from '../registry.ts';
import { Checker } from './checker.ts';

const endpoints = [{ address: '10.0.0.1', port: 80 }];
const settings: ActiveHealthSettings = {
  check: { kind: 'http', path: '/healthz', method: 'GET', host: undefined, expected: [] },
  intervalMs: 1000,
  timeoutMs: 300,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
};

/** A checker whose rounds are made by hand, and what they are answered. */
function open({ random = 0.5, answers = [] as number[] } = {}) {
  const delays: number[] = [];
  const sent: UpstreamRequest[] = [];
  let round: (() => void) | undefined;
  let waiting = Promise.withResolvers<void>();
  const environment = {
    random: () => random,
    log: { warn: () => {} },
    current: () => ({
      backend: () => ({
        reach: () => ({ endpoints, protocol: 'http1', tls: undefined, authority: 'api.default.svc' }),
      }),
    }),
    transport: {
      timers: {
        start(delayMs: number, fire: () => void) {
          delays.push(delayMs);
          round = fire;
          return {
            stop: () => (round = undefined),
            restart(nextMs: number) {
              delays.push(nextMs);
              waiting.resolve();
            },
          };
        },
      },
      dispatch(request: UpstreamRequest) {
        sent.push(request);
        const status = answers.shift() ?? 0;
        if (status === 0) return Promise.reject(new Error('refused'));
        return Promise.resolve({ status, headers: new HeaderList(), body: Body.none() });
      },
    },
  } as unknown as BackendEnvironment;
  const table = new EndpointTable();
  const checker = new Checker({
    backend: 'service/default/api',
    port: 80,
    settings,
    tls: undefined,
    table,
    environment,
  });
  return {
    checker,
    delays,
    sent,
    /** Answers the next round and tells whether the endpoint is asked by requests after it. */
    async answered(status: number): Promise<boolean> {
      answers.push(status);
      waiting = Promise.withResolvers();
      round?.();
      await waiting.promise;
      return table.describe(endpoints, 0)[0]!.state === 'healthy';
    },
    state: () => table.describe(endpoints, 0)[0]!.state,
  };
}

test('answers in a row decide, and one of the other kind begins the count anew', async () => {
  const { answered } = open();
  const thought: boolean[] = [];
  // A refused connection counts as a bad answer.
  for (const status of [500, 500, 200, 500, 404, 0, 200, 503, 200, 200]) thought.push(await answered(status));
  expect(thought).toEqual([true, true, true, true, true, false, false, false, false, true]);
});

test('asks as it is told, within its time-out', async () => {
  const { answered, sent } = open();
  await answered(200);
  expect(sent[0]).toMatchObject({
    method: 'GET',
    path: '/healthz',
    authority: 'api.default.svc',
    protocol: 'http1',
    timeouts: { totalMs: 300 },
  });
});

test.each([
  [0, [0, 900]],
  [0.5, [50, 1000]],
  [1, [100, 1100]],
])('rounds begin a tenth earlier or later, as chance %d says', async (random, wanted) => {
  const { answered, delays } = open({ random });
  await answered(200);
  expect(delays.map(Math.round)).toEqual(wanted);
});

test('what it has found ends with it', async () => {
  const { checker, answered, state } = open();
  for (let i = 0; i < 3; i++) await answered(500);
  expect(state()).toBe('unhealthy');
  checker[Symbol.dispose]();
  expect(state()).toBe('healthy');
});
