// Finds out whose connection it is and which listener it is for, before anybody serves it.
import type { Socket } from 'node:net';
import { plainAddress } from '../server/head.ts';
import type { ClientHello } from './client-hello.ts';
import type { TunnelLimits } from './limits.ts';
import type { TunnelBindPlan, TunnelListener } from './plan.ts';
import type { ConnectionEnds } from './proxy-protocol.ts';
import { type Refused, peekClientHello, readProxyHeader } from './read-header.ts';

/** A connection that is received: nothing of it is taken away but a PROXY protocol header. */
export interface Received {
  readonly ends: ConnectionEnds;
  /** Of TLS. */
  readonly hello: ClientHello | undefined;
  /** Known unless it is refused before it said whom it wants. */
  readonly listener: TunnelListener | undefined;
  readonly refused: Refused | undefined;
}

/** Receives a connection of a bind, as its plan is now. Never rejects. A refused one is still open. */
export async function receive(
  socket: Socket,
  plan: () => TunnelBindPlan | undefined,
  limits: TunnelLimits,
): Promise<Received> {
  let ends = endsOf(socket);
  let hello: ClientHello | undefined;
  const refuse = (refused: Refused, listener?: TunnelListener): Received => ({ ends, hello, listener, refused });
  const begun = plan();
  if (!begun) return refuse(closing);
  const proxyHeader = chooseProxyHeader(begun.listeners.map((listener) => listener.proxyHeader));
  if (proxyHeader) {
    const read = await receiveEnds(socket, proxyHeader, limits);
    if ('refused' in read) return refuse(read.refused);
    ({ ends } = read);
  }
  if (begun.isTls) {
    const read = await peekClientHello(socket, limits);
    if ('refused' in read) return refuse(read.refused);
    hello = read.hello;
  }
  // The configuration may have changed since: a new connection begins with the newest.
  const current = proxyHeader || begun.isTls ? plan() : begun;
  if (!current) return refuse(closing);
  const listener = current.select(hello?.serverName);
  if (!listener) return refuse({ reason: 'listener-not-found', message: noListener(hello?.serverName) });
  const refusal = listener.refusal(ends.source);
  if (refusal !== undefined) return refuse({ reason: 'forbidden', message: refusal }, listener);
  return { ends, hello, listener, refused: undefined };
}

const closing: Refused = { reason: 'draining', message: 'the listener is gone, or the gateway is shutting down' };

function noListener(serverName: string | undefined): string {
  return serverName === undefined
    ? 'no listener serves clients that name no host'
    : `no listener serves '${serverName}'`;
}

/** How connections may begin, and whose word is taken. */
type ProxyHeader = NonNullable<TunnelListener['proxyHeader']>;

/** Whose connection it is, by the PROXY protocol header that it may or must begin with. Never rejects. */
export async function receiveEnds(
  socket: Socket,
  proxyHeader: ProxyHeader,
  limits: TunnelLimits,
): Promise<{ readonly ends: ConnectionEnds } | { readonly refused: Refused }> {
  const { mode } = proxyHeader;
  const ends = endsOf(socket);
  const { address } = ends.source;
  if (!proxyHeader.trusts(address)) {
    if (mode !== 'required') return { ends };
    return { refused: { reason: 'forbidden', message: `${address} is not trusted to say whose connection it is` } };
  }
  const read = await readProxyHeader(socket, mode, limits);
  return 'refused' in read ? read : { ends: read.ends ?? ends };
}

/** Both ends as the socket has them. */
export function endsOf(socket: Socket): ConnectionEnds {
  return {
    source: { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 },
    destination: { address: plainAddress(socket.localAddress ?? ''), port: socket.localPort ?? 0 },
  };
}

/** Who connects to a socket is not known before the header is read: where its listeners differ, what is demanded wins. */
export function chooseProxyHeader(headers: readonly TunnelListener['proxyHeader'][]): TunnelListener['proxyHeader'] {
  const spoken = headers.filter((header) => header !== undefined);
  return spoken.find(({ mode }) => mode === 'required') ?? spoken[0];
}
