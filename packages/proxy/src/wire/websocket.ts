// The handshake of WebSocket over HTTP/1.1, where a side that speaks HTTP/2 has none (RFC 6455 §4, RFC 8441 §5).
import { createHash, randomBytes } from 'node:crypto';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** RFC 6455 §1.3. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Completes the fields of a handshake. */
export function completeHandshake(headers: HeaderList): void {
  if (!headers.has('sec-websocket-key')) headers.append('sec-websocket-key', randomBytes(16).toString('base64'));
  if (!headers.has('sec-websocket-version')) headers.append('sec-websocket-version', '13');
}

/** The proof that a handshake with that key was understood. */
export function toAccept(key: string): string {
  return createHash('sha1')
    .update(key + acceptSuffix)
    .digest('base64');
}
