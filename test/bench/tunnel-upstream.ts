// What TCP, TLS and UDP rows are proxied to. `tunnel-upstream.ts TCP TLS UDP CERT KEY`: ports, and files in PEM.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { type Socket, createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const [tcpPort, tlsPort, udpPort] = process.argv.slice(2, 5).map(Number);
const [cert = '', key = ''] = process.argv.slice(5, 7);
const bytes = Buffer.alloc(256 * 1024, 'tunnel ');

/** The first byte says what is wanted: `d` to be sent bytes without end, `u` to have bytes taken. */
function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    socket.on('data', () => {});
    if (first[0] !== 'd'.charCodeAt(0)) return;
    const send = (): void => {
      let isTaken = true;
      while (isTaken && !socket.destroyed) isTaken = socket.write(bytes);
    };
    socket.on('drain', send);
    send();
  });
}

createServer({ noDelay: true }, serve).listen(tcpPort, '127.0.0.1');
createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, serve).listen(tlsPort, '127.0.0.1');
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024, sendBufferSize: 4 * 1024 * 1024 });
socket.on('message', (message, { port, address }) => socket.send(message, port, address));
socket.bind(udpPort, '127.0.0.1');
