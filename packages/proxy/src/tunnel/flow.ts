// One client's datagrams to one endpoint and back, until they fall silent.
import { type Socket, createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Reason } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { Timer } from '../upstream/timer-wheel.ts';
import type { TunnelChoice, TunnelListener, TunnelRoute } from './plan.ts';
import type { SocketEnd } from './proxy-protocol.ts';
import type { TunnelParts } from './tunnel.ts';

/** What a flow is opened with. */
export interface FlowOptions {
  readonly id: string;
  readonly bind: string;
  readonly listener: TunnelListener;
  readonly route: TunnelRoute;
  readonly choice: TunnelChoice;
  readonly endpoint: EndpointAddress;
  readonly client: SocketEnd;
  readonly parts: TunnelParts;
  /** Sends to the client, from the address that it sent to. */
  readonly reply: (message: Buffer) => void;
  /** Called once when the flow is over. */
  readonly closed: () => void;
}

/** Datagrams that wait for the name of an endpoint to be resolved; more are dropped. */
const waitingMax = 16;

/** A flow. Its socket is connected: what others send to it is not for this client. */
export class Flow {
  readonly #options: FlowOptions;
  readonly #socket: Socket;
  readonly #startMs: number;
  /** Undefined where silence may last for ever: then the bound on flows holds alone. */
  readonly #timer: Timer | undefined;
  #waiting: Buffer[] | undefined = [];
  #received = 0;
  #sent = 0;
  /** Datagrams both ways: they may be empty. */
  #moved = 0;
  #seen = 0;
  #isClosed = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    const { parts, endpoint, route, reply, bind, listener } = options;
    this.#startMs = parts.clock.monotonicMs();
    parts.load.add(endpoint);
    parts.recorder.opened({ bind, gateway: listener.gateway, listener: listener.key, protocol: 'udp' });
    const socket = createSocket(isIP(endpoint.address) === 6 ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('message', (message) => {
      this.#sent += message.length;
      this.#moved++;
      reply(message);
    });
    // Before it is connected there is nobody to send to; after that an unreachable port (ICMP) may be so for a moment only.
    socket.on('error', (error) => {
      if (this.#waiting)
        this.close('upstream-connect-failed', `cannot reach ${toHostPort(endpoint)}: ${error.message}`);
    });
    socket.connect(endpoint.port, endpoint.address, () => this.#onConnected());
    const idleMs = route.timeouts.idleMs;
    this.#timer = idleMs > 0 ? parts.timers.start(idleMs, () => this.#onIdle(idleMs)) : undefined;
  }

  get choice(): TunnelChoice {
    return this.#options.choice;
  }

  get endpoint(): EndpointAddress {
    return this.#options.endpoint;
  }

  /** Passes a datagram on. */
  send(message: Buffer): void {
    this.#received += message.length;
    this.#moved++;
    if (!this.#waiting) this.#socket.send(message, onSent);
    else if (this.#waiting.length < waitingMax) this.#waiting.push(message);
    else this.#drop('overloaded');
  }

  /** Forgets it. Without a reason it has fallen silent. */
  close(reason?: Reason, message?: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { id, bind, listener, route, choice, endpoint, client, parts, closed } = this.#options;
    this.#timer?.stop();
    this.#socket.close();
    parts.load.remove(endpoint);
    closed();
    parts.recorder.closed({
      id,
      bind,
      gateway: listener.gateway,
      listener: listener.key,
      route: route.key,
      rule: route.rule,
      backend: choice.key,
      endpoint: toHostPort(endpoint),
      protocol: 'udp',
      client,
      serverName: undefined,
      durationMs: parts.clock.monotonicMs() - this.#startMs,
      receivedBytes: this.#received,
      sentBytes: this.#sent,
      reason,
      message,
    });
  }

  #onConnected(): void {
    if (this.#isClosed) return;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const message of waiting) this.#socket.send(message, onSent);
  }

  #onIdle(idleMs: number): void {
    if (this.#moved === this.#seen) {
      this.close();
      return;
    }
    this.#seen = this.#moved;
    this.#timer!.restart(idleMs);
  }

  #drop(reason: Reason): void {
    const { bind, listener, parts } = this.#options;
    parts.recorder.dropped({ bind, gateway: listener.gateway, listener: listener.key, protocol: 'udp', reason });
  }
}

/** A datagram that cannot be sent is lost, as datagrams may be. */
function onSent(): void {}
