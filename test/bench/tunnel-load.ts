// Loads a TCP, TLS or UDP port and prints how much came through as JSON. `tunnel-load.ts ROW PORT SECONDS PROXY-PID`.
import { createSocket } from 'node:dgram';
import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { cpuMicrosOf } from './cpu.ts';
import { type TunnelRow, tunnelHost } from './tunnel-rows.ts';

const [row, portText, secondsText, pidText] = process.argv.slice(2) as [TunnelRow, string, string, string];
const [port, seconds, pid] = [Number(portText), Number(secondsText), Number(pidText)];
const connections = 8;
const flows = 32;
/** Datagrams of a flow that are under way at a time. */
const windowSize = 4;
const datagramBytes = 256;
/** Before what is counted. */
const warmMs = 500;
let moved = 0;

function download(socket: Socket): void {
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => (moved += chunk.length));
  socket.write('d');
}

function upload(socket: Socket): void {
  const bytes = Buffer.alloc(256 * 1024, 'tunnel ');
  socket.on('error', () => {}).resume();
  const send = (): void => {
    let isTaken = true;
    while (isTaken && !socket.destroyed) {
      isTaken = socket.write(bytes);
      moved += bytes.length;
    }
  };
  socket.write('u');
  socket.on('drain', send);
  send();
}

/** Keeps a few datagrams of a flow under way; one that is lost is made up for after a while. */
function exchange(): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 });
  const datagram = Buffer.alloc(datagramBytes, 'tunnel ');
  let [here, lastHere] = [0, 0];
  socket.on('message', () => {
    moved++;
    here++;
    socket.send(datagram);
  });
  const refill = (): void => {
    if (lastHere === here) for (let i = 0; i < windowSize; i++) socket.send(datagram);
    lastHere = here;
  };
  socket.connect(port, '127.0.0.1', () => {
    refill();
    setInterval(refill, 100);
  });
}

const dialled = { port, host: '127.0.0.1', noDelay: true };
for (let i = 0; i < (row === 'udp-256' ? flows : connections); i++) {
  if (row === 'udp-256') exchange();
  else if (row === 'tcp-upload') upload(connect(dialled));
  else if (row === 'tcp-download') {
    const buffer = Buffer.allocUnsafeSlow(512 * 1024);
    const callback = (size: number): boolean => {
      moved += size;
      return true;
    };
    connect({ ...dialled, onread: { buffer, callback } }).write('d');
  } else download(connectTls({ ...dialled, servername: tunnelHost, rejectUnauthorized: false }));
}
await sleep(warmMs);
const [movedBefore, cpuBefore, startMs] = [moved, cpuMicrosOf(pid), performance.now()];
await sleep(seconds * 1000);
const [units, cpuMicros, ms] = [moved - movedBefore, cpuMicrosOf(pid) - cpuBefore, performance.now() - startMs];
process.stdout.write(JSON.stringify({ units, cpuMicros, seconds: ms / 1000 }));
process.exit(0);
