// An exchange is given up once, and everyone who asked is told once.
import { expect, test } from 'vitest';
import { Body, bodyBuffers, toSource } from './body.ts';
import { Exchange, type ExchangeHead, type SnapshotView, toCancelError } from './exchange.ts';
import { HeaderList } from './header-list.ts';

const head: ExchangeHead = {
  id: '1',
  method: 'GET',
  scheme: 'http',
  authority: 'a',
  path: '/p',
  query: '',
  httpVersion: '1.1',
  headers: new HeaderList(),
  body: Body.none(),
  client: { address: '127.0.0.1', port: 1 },
  tls: undefined,
  startMs: 0,
  startEpochMs: 0,
};
const snapshot = { backend: () => undefined, endpoints: () => undefined } as unknown as SnapshotView;

test('the first reason stays, and listeners hear it once', () => {
  const exchange = new Exchange(head, snapshot);
  const heard: string[] = [];
  exchange.onCancel((reason) => heard.push(`a ${reason}`));
  const stop = exchange.onCancel((reason) => heard.push(`b ${reason}`));
  exchange.onCancel((reason) => heard.push(`c ${reason}`));
  stop();
  exchange.cancel('drain');
  exchange.cancel('client-gone');
  exchange.onCancel((reason) => heard.push(`late ${reason}`));
  expect(heard).toEqual(['a drain', 'c drain', 'late drain']);
  expect(exchange.cancelReason).toBe('drain');
});

test('a signal is aborted whether it was asked for before or after', () => {
  const before = new Exchange(head, snapshot);
  const { signal } = before;
  expect(signal.aborted).toBe(false);
  before.cancel('client-gone');
  expect(signal.aborted).toBe(true);
  const after = new Exchange(head, snapshot);
  after.cancel('client-gone');
  expect(after.signal.aborted).toBe(true);
});

test('an empty query stays a query', () => {
  expect(new Exchange(head, snapshot).pathAndQuery).toBe('/p?');
  expect(new Exchange({ ...head, query: undefined }, snapshot).pathAndQuery).toBe('/p');
});

test('every reason to give up has its error', () => {
  expect(
    (['client-gone', 'exchange-timeout', 'drain', 'policy'] as const).map((reason) => toCancelError(reason).reason),
  ).toEqual(['client-gone', 'exchange-timeout', 'draining', 'forbidden']);
});

const arriving = (): Body => Body.from(toSource(Buffer.from('abc')));

test('when it is over, everything that was kept is given back, also what is collected later', async () => {
  const before = bodyBuffers.heldBytes;
  const own = arriving();
  const exchange = new Exchange({ ...head, body: own }, snapshot);
  const [first, second, late] = [arriving(), arriving(), arriving()];
  exchange.keep(first);
  await Promise.all([own.bytes(9), first.bytes(9), second.bytes(9)]);
  exchange.keep(second);
  expect(bodyBuffers.heldBytes).toBe(before + 9);
  exchange.release();
  expect(bodyBuffers.heldBytes).toBe(before);
  exchange.keep(late);
  await late.bytes(9);
  exchange.release();
  expect(bodyBuffers.heldBytes).toBe(before);
});
