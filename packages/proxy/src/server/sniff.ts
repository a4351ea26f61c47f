// Tells HTTP/1.1 from HTTP/2 with prior knowledge by a connection's first bytes (RFC 9113 §3.3, §3.4).
import type { Socket } from 'node:net';

/** The beginning of the client's preface: no other request line has these bytes. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n');

/** Calls back once when the protocol is known, its bytes put back; destroys the connection if that takes too long. */
export function sniff(socket: Socket, timeoutMs: number, decide: (isHttp2: boolean) => void): void {
  let held: Buffer | undefined;
  const late = setTimeout(() => socket.destroy(), timeoutMs);
  const over = (): void => {
    clearTimeout(late);
    socket.off('readable', onReadable).off('close', over);
  };
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    const first = held ? Buffer.concat([held, chunk]) : chunk;
    const size = Math.min(first.length, preface.length);
    const isPreface = first.compare(preface, 0, size, 0, size) === 0;
    // Too few bytes to tell are held here: put back, they would be announced again at once.
    if (isPreface && size < preface.length) {
      held = first;
      return;
    }
    over();
    socket.unshift(first);
    decide(isPreface);
  };
  socket.on('readable', onReadable).on('close', over);
}
