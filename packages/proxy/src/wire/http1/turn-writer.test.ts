// Short writes of one turn are one write; their order, and that of long ones among them, is that of the calls.
import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TurnWriter } from './turn-writer.ts';

let close: () => void;
let writing: Socket;
let reading: Socket;
let received: string;

beforeEach(async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  writing = connect((server.address() as { port: number }).port, '127.0.0.1');
  [reading] = (await once(server, 'connection')) as [Socket];
  received = '';
  reading.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  close = () => {
    writing.destroy();
    reading.destroy();
    server.close();
  };
});

afterEach(() => close());

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('texts and bytes of one turn arrive in order, and as one write', async () => {
  const writer = new TurnWriter(writing);
  let writes = 0;
  const write = writing.write.bind(writing) as (...rest: unknown[]) => boolean;
  writing.write = (...rest: unknown[]) => {
    writes++;
    return write(...rest);
  };
  writer.write('a');
  writer.writeBytes('b', Buffer.from('\u00e9', 'latin1'), 'c');
  writer.write('');
  writer.write('d');
  expect(writes).toBe(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(writes).toBe(1);
  writing.end();
  await once(reading, 'end');
  expect(received).toBe('ab\u00e9cd');
});

test('long bytes go at once, behind what waits', async () => {
  const writer = new TurnWriter(writing);
  const long = 'x'.repeat(100_000);
  writer.write('a');
  writer.writeBytes('b', Buffer.from(long), 'c');
  writer.write('d');
  writer.flush();
  writing.end();
  await once(reading, 'end');
  expect(received).toBe(`ab${long}cd`);
});

test('a socket that takes no more says so, and whoever waits for the turn’s end is told', async () => {
  let behind = 0;
  const writer = new TurnWriter(writing, () => behind++);
  reading.pause();
  const long = Buffer.alloc(4 * 1024 * 1024);
  while (writer.writeBytes('', long, ''));
  expect(writer.write('x')).toBe(false);
  expect(behind).toBe(0);
  await turn();
  await turn();
  expect(behind).toBe(1);
});

test('a socket that tells a turn later that it has handed over, as with TLS, is not behind', async () => {
  let behind = 0;
  const late = new Duplex({ read() {}, write: (_chunk, _encoding, done) => process.nextTick(done) });
  const writer = new TurnWriter(late as Socket, () => behind++);
  writer.write('x');
  await turn();
  await turn();
  await turn();
  expect(behind).toBe(0);
});
