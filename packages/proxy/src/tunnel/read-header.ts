// The PROXY protocol header and the ClientHello of a connection, read from its socket before anybody else reads it.
import type { Socket } from 'node:net';
import type { Reason } from '@agentgateway/core/errors.ts';
import { type ClientHello, readClientHello } from './client-hello.ts';
import type { TunnelLimits } from './limits.ts';
import { type Look, type PeekFailure, type Peeked, peek } from './peek.ts';
import { type ConnectionEnds, readProxyProtocol } from './proxy-protocol.ts';

/** Why a connection is closed before it is served. */
export interface Refused {
  readonly reason: Reason;
  readonly message: string;
}

/** How connections of a listener may begin. */
export type ProxyHeaderMode = 'optional' | 'required';

/** Whose connection it is: undefined ends are those of the socket. */
export type ProxyHeaderRead = { readonly ends: ConnectionEnds | undefined } | { readonly refused: Refused };

type HeaderLimits = Pick<TunnelLimits, 'proxyHeaderBytesMax' | 'proxyHeaderTimeoutMs'>;

/**
 * Reads the PROXY protocol header that a connection begins with, before any byte is read by others; what follows is put
 * back. With `optional` a connection may begin without one, with anything but its signature. Never rejects.
 */
export async function readProxyHeader(
  socket: Socket,
  mode: ProxyHeaderMode,
  { proxyHeaderBytesMax, proxyHeaderTimeoutMs }: HeaderLimits,
): Promise<ProxyHeaderRead> {
  const look = (bytes: Buffer): Look<ProxyHeaderRead> => {
    const result = readProxyProtocol(bytes, proxyHeaderBytesMax);
    switch (result.kind) {
      case 'more':
        return { needs: result.bytes };
      case 'header':
        return { found: { ends: result.header.ends }, taken: result.header.bytes };
      case 'invalid':
        return { found: refuse('bad-framing', result.why), taken: 0 };
      case 'none':
        return mode === 'optional'
          ? { found: { ends: undefined }, taken: 0 }
          : { found: refuse('bad-framing', 'the connection does not begin with a PROXY protocol header'), taken: 0 };
    }
  };
  const peeked = await peek(socket, { timeoutMs: proxyHeaderTimeoutMs, look });
  return orFailure(peeked, `the PROXY protocol header did not arrive within ${proxyHeaderTimeoutMs} ms`);
}

/** What a connection's ClientHello says. */
export type ClientHelloRead = { readonly hello: ClientHello } | { readonly refused: Refused };

type HelloLimits = Pick<TunnelLimits, 'clientHelloBytesMax' | 'clientHelloTimeoutMs'>;

/** Reads the ClientHello that a connection begins with; all its bytes are put back. Never rejects. */
export async function peekClientHello(
  socket: Socket,
  { clientHelloBytesMax, clientHelloTimeoutMs }: HelloLimits,
): Promise<ClientHelloRead> {
  const look = (bytes: Buffer): Look<ClientHelloRead> => {
    const result = readClientHello(bytes, clientHelloBytesMax);
    switch (result.kind) {
      case 'more':
        return { needs: result.bytes };
      case 'hello':
        return { found: { hello: result.hello }, taken: 0 };
      case 'invalid':
        return { found: refuse('bad-framing', result.why), taken: 0 };
      case 'too-large':
        return {
          found: refuse(
            'headers-too-large',
            `the ClientHello is longer than clientHelloBytesMax, ${clientHelloBytesMax}`,
          ),
          taken: 0,
        };
    }
  };
  const peeked = await peek(socket, { timeoutMs: clientHelloTimeoutMs, look });
  return orFailure(peeked, `the ClientHello did not arrive within clientHelloTimeoutMs, ${clientHelloTimeoutMs}`);
}

function refuse(reason: Reason, message: string): { readonly refused: Refused } {
  return { refused: { reason, message } };
}

function orFailure<T>(peeked: Peeked<T>, late: string): T | { readonly refused: Refused } {
  if ('found' in peeked) return peeked.found;
  return failures[peeked.failed](late);
}

const failures: Readonly<Record<PeekFailure, (late: string) => { readonly refused: Refused }>> = {
  late: (message) => refuse('request-timeout', message),
  gone: () => refuse('client-gone', 'the client left before it said what it wants'),
};
