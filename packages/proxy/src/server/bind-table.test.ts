// Sockets follow the snapshot: what is new opens, what stays stays open, what is gone drains, and what cannot open is said.
import { createServer } from 'node:net';
import { once } from 'node:events';
import { request } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import type { Log } from '@agentgateway/core/environment.ts';
import { Body } from '@agentgateway/core/body.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { systemClock } from '../environment.ts';
import type { BindPlan, ListenerPlan } from '../snapshot/snapshot.ts';
import { BindTable } from './bind-table.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {} };
let table: BindTable | undefined;
afterEach(async () => {
  await table?.drain(0);
});

function open(): BindTable {
  table = new BindTable({
    defaultAddress: '127.0.0.1',
    log,
    clock: systemClock,
    trustedHops: 0,
    async handle(bind, _head, responder) {
      await responder.respond({ status: 200, headers: new HeaderList(), body: Body.of(bind), origin: 'gateway' });
    },
  });
  return table;
}

const plan = (key: string, port = 0, address = ''): [string, BindPlan] => [
  key,
  {
    key,
    address,
    port,
    lane: 'http',
    listeners: [{ key: `listener/${key}` } as ListenerPlan],
    select: () => undefined,
    selectBySni: () => undefined,
    isMisdirected: () => false,
  },
];

async function get(address: string): Promise<string> {
  const sent = request(`http://${address}/`, { agent: false }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>];
  let text = '';
  for await (const chunk of response) text += chunk.toString();
  return text;
}

test('binds open, stay, and close', async () => {
  const binds = open();
  await binds.open(new Map([plan('one'), plan('two')]));
  const before = binds.addresses();
  expect(before).toHaveLength(2);
  expect((await Promise.all(before.map(get))).toSorted()).toEqual(['one', 'two']);
  const next = new Map([plan('two'), plan('three')]);
  await binds.open(next);
  expect(binds.addresses()).toHaveLength(3);
  await binds.closeAbsent(next);
  const after = binds.addresses();
  expect(after).toHaveLength(2);
  expect((await Promise.all(after.map(get))).toSorted()).toEqual(['three', 'two']);
  const gone = before.find((address) => !after.includes(address))!;
  await expect(get(gone)).rejects.toThrow('ECONNREFUSED');
});

test('a port that is taken fails its own listeners, says why, and is tried again', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const binds = open();
  const wanted = new Map([plan('taken', port), plan('free')]);
  await binds.open(wanted);
  expect(binds.addresses()).toHaveLength(1);
  expect([...binds.errors.keys()]).toEqual(['listener/taken']);
  expect(binds.errors.get('listener/taken')).toContain(`127.0.0.1:${port}`);
  expect(binds.errors.get('listener/taken')).toContain('EADDRINUSE');
  other.close();
  await once(other, 'close');
  await binds.open(wanted);
  expect(binds.errors.size).toBe(0);
  expect(await get(`127.0.0.1:${port}`)).toBe('taken');
});
