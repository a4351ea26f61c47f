// A callout is a request like any other, to a backend that is looked up when it is made.
import { Body } from '@agentgateway/core/body.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import { expect, test } from 'vitest';
import { systemClock } from '../environment.ts';
import { emptySnapshot } from '../snapshot/snapshot.ts';
import { callout } from './callout.ts';

const request = {
  method: 'POST',
  path: '/check',
  headers: new HeaderList(['host', 'checks.test']),
  body: Buffer.from('asked'),
  timeoutMs: 1234,
  responseBytesMax: 8,
};

function upstream(answer: string): {
  calls: { exchange: Exchange; plan: CallPlan }[];
  call: ReturnType<typeof callout>;
} {
  const calls: { exchange: Exchange; plan: CallPlan }[] = [];
  const target = {
    key: 'backend/default/x',
    call(exchange: Exchange, plan: CallPlan) {
      calls.push({ exchange, plan });
      const body = Body.of(Buffer.from(answer));
      return Promise.resolve({ status: 200, headers: new HeaderList(), body, origin: 'upstream' as const });
    },
  };
  const snapshot = { ...emptySnapshot(), backend: (key: string) => (key === target.key ? target : undefined) };
  return { calls, call: callout(() => snapshot, systemClock, target.key) };
}

test.each([
  ['/check', '/check', undefined],
  ['/check?', '/check', ''],
  ['/check?a=1&b=what?&c=2', '/check', 'a=1&b=what?&c=2'],
])('%s keeps its whole query', async (path, plain, query) => {
  const { calls, call } = upstream('ok');
  await call.call({ ...request, path });
  const { exchange, plan } = calls[0]!;
  expect(exchange).toMatchObject({ path: plain, query, pathAndQuery: path, method: 'POST', authority: 'checks.test' });
  expect(plan.settings.timeouts.backendRequestMs).toBe(1234);
});

test('the answer is read whole', async () => {
  expect((await upstream('12345678').call.call(request)).body.buffered).toEqual(Buffer.from('12345678'));
});

test('a backend that does not exist is said', async () => {
  await expect(callout(() => emptySnapshot(), systemClock, 'backend/default/none').call(request)).rejects.toMatchObject(
    {
      reason: 'backend-invalid',
    },
  );
});
