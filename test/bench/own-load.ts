// Loads a port in ways that wrk and h2load do not know, and prints a LoadResult as JSON. `own-load.ts KIND PORT SECONDS`.
import { randomBytes } from 'node:crypto';
import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { type OwnLoad, connections, resultOf } from './load.ts';

const [kind, portText, secondsText] = process.argv.slice(2) as [OwnLoad, string, string];
const dialled = { port: Number(portText), host: '127.0.0.1', noDelay: true };
/** Handshakes that are under way at a time. */
const handshakes = 8;
/** The size of a WebSocket message. */
const messageBytes = 256;
const tookMs: number[] = [];

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

/** A full handshake, without a session to resume, and one request on it; then the next. */
function shake(): void {
  const startMs = performance.now();
  const socket = connectTls({ ...dialled, servername: 'bench.example.com', rejectUnauthorized: false });
  let head = '';
  socket.on('secureConnect', () => {
    socket.write('GET /1k.json HTTP/1.1\r\nhost: bench.example.com\r\nconnection: close\r\n\r\n');
  });
  socket.on('data', (data: Buffer) => (head ||= data.toString('latin1', 0, 20)));
  socket.on('error', (error) => fail(error.message));
  socket.on('end', () => {
    if (!head.startsWith('HTTP/1.1 200')) fail(`answered '${head}'`);
    tookMs.push(performance.now() - startMs);
    shake();
  });
}

/** A masked message of a client (RFC 6455, section 5.2). */
function masked(payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const head = Buffer.from([0x82, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ mask[index % 4]!)]);
}

/** Sends a message, waits for its echo, and so on. */
function converse(): void {
  const socket: Socket = connect(dialled);
  const message = masked(Buffer.alloc(messageBytes, 'websocket '));
  // Servers do not mask: the echo is shorter by the four bytes of the mask.
  const echoBytes = message.length - 4;
  let [isOpen, received, startMs] = [false, 0, 0];
  const send = (): void => {
    startMs = performance.now();
    socket.write(message);
  };
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET /ws HTTP/1.1\r\nhost: bench.example.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => fail('a WebSocket was closed'));
  socket.on('data', (data: Buffer) => {
    if (!isOpen) {
      if (!data.toString('latin1').startsWith('HTTP/1.1 101')) fail(`answered '${data.toString('latin1', 0, 200)}'`);
      isOpen = true;
      return send();
    }
    received += data.length;
    if (received < echoBytes) return;
    received -= echoBytes;
    tookMs.push(performance.now() - startMs);
    send();
  });
}

const startMs = performance.now();
for (let i = 0; i < (kind === 'websocket-echo' ? connections : handshakes); i++)
  if (kind === 'websocket-echo') converse();
  else shake();
await sleep(Number(secondsText) * 1000);
process.stdout.write(JSON.stringify(resultOf(tookMs, (performance.now() - startMs) / 1000)), () => process.exit(0));
