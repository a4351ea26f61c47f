// Servers and clients of plain TCP and UDP for tests of tunnels, each ended with its test.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP server on a free port; the sockets it accepted are destroyed with the test. */
export async function serveTcp(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

/** One that says its name first and then sends back what it hears. */
export function serveEcho(name: string): Promise<number> {
  return serveTcp((socket) => {
    socket.write(`${name} `);
    socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end());
  });
}

/** A TCP client. */
export function dial(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** All that the other side says, or `error CODE` where it breaks the connection. */
export function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', (error) => resolve(`error ${(error as NodeJS.ErrnoException).code}`));
    socket.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

/** The next bytes. */
export async function nextOf(socket: Socket): Promise<string> {
  return String((await once(socket, 'data'))[0]);
}

/** A socket for datagrams on a free port. */
export async function openUdp(address = '127.0.0.1'): Promise<UdpSocket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  onTestFinished(() => void socket.close());
  return socket;
}

/** Answers every datagram with a name and what it said; its port. */
export async function serveUdp(name: string): Promise<number> {
  const socket = await openUdp();
  socket.on('message', (message, { port, address }) => socket.send(`${name} ${message.toString()}`, port, address));
  return socket.address().port;
}

/** A datagram and its answer. */
export async function askUdp(socket: UdpSocket, port: number, text: string): Promise<string> {
  const answered = once(socket, 'message');
  socket.send(text, port, '127.0.0.1');
  return String((await answered)[0]);
}
