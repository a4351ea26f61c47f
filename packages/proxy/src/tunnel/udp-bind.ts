// A socket for datagrams: each client's address and port is a flow, with an upstream socket of its own and a memory that fades.
import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { Reason } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { plainAddress } from '../server/head.ts';
import type { TunnelBindPlan, TunnelChoice, TunnelListener, TunnelRoute } from './plan.ts';
import type { SocketEnd } from './proxy-protocol.ts';
import type { TunnelParts } from './tunnel.ts';
import { Flow } from './flow.ts';

/** What a bind is opened with. */
export interface UdpBindOptions {
  readonly key: string;
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly log: Log;
  readonly parts: TunnelParts;
  /** As it is now; undefined once it is gone. */
  readonly plan: () => TunnelBindPlan | undefined;
}

/** Where a new flow goes. */
interface FlowTarget {
  readonly route: TunnelRoute;
  readonly choice: TunnelChoice;
  readonly endpoint: EndpointAddress;
}

/** An open socket for datagrams. */
export class UdpBind {
  readonly #options: UdpBindOptions;
  readonly #socket: Socket;
  /** By the client's address and port; the one that was idle longest first. */
  readonly #flows = new Map<string, Flow>();
  #isDraining = false;
  #isClosed = false;
  readonly #empty = Promise.withResolvers<void>();

  constructor(options: UdpBindOptions) {
    this.#options = options;
    this.#socket = createSocket({
      type: isIP(options.address) === 6 ? 'udp6' : 'udp4',
      recvBufferSize: options.parts.limits.datagramBufferBytes,
      sendBufferSize: options.parts.limits.datagramBufferBytes,
    });
    this.#socket.on('message', (message, from) => this.#onDatagram(message, from));
  }

  get address(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Flows that are remembered. */
  get flows(): ReadonlyMap<string, Flow> {
    return this.#flows;
  }

  /** Rejects when the address cannot be bound. */
  listen(): Promise<void> {
    const { address, port, log } = this.#options;
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind({ address, port, exclusive: true }, () => {
        this.#socket.off('error', reject);
        // A client that is gone makes no more of a noise here.
        this.#socket.on('error', (error) => log.warn({ err: error }, 'a socket for datagrams reports an error'));
        resolve();
      });
    });
  }

  /** Takes datagrams of known flows only, until they have fallen silent; at the deadline they are forgotten. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    const late = setTimeout(() => {
      for (const flow of this.#flows.values())
        flow.close('draining', 'the listener is gone, or the gateway is shutting down');
    }, deadlineMs);
    if (this.#flows.size > 0) await this.#empty.promise;
    clearTimeout(late);
    if (!this.#isClosed) this.#socket.close();
    this.#isClosed = true;
  }

  /** The endpoints of backends have changed: a flow to one that is gone would speak to nobody. */
  closeLost(): void {
    for (const flow of this.#flows.values()) {
      const endpoints = this.#options.parts.findEndpoints(flow.choice, 'udp');
      if (!endpoints.some(({ address, port }) => address === flow.endpoint.address && port === flow.endpoint.port))
        flow.close('no-healthy-endpoint', `${toHostPort(flow.endpoint)} is not an endpoint any more`);
    }
  }

  #onDatagram(message: Buffer, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`;
    let flow = this.#flows.get(key);
    if (!flow) {
      if (this.#isDraining) return;
      flow = this.#open(key, from);
      if (!flow) return;
    } else if (this.#flows.size > 1) {
      // The order of a map is that of insertion.
      this.#flows.delete(key);
      this.#flows.set(key, flow);
    }
    flow.send(message);
  }

  #open(key: string, from: RemoteInfo): Flow | undefined {
    const { parts, plan } = this.#options;
    const current = plan();
    const listener = current?.select(undefined);
    if (!listener) return this.#drop(undefined, 'listener-not-found');
    const client = { address: plainAddress(from.address), port: from.port };
    const target = this.#choose(listener, client);
    if ('dropped' in target) return this.#drop(listener, target.dropped);
    // The one that was silent longest makes room: refusing new ones would let a flood of false addresses shut everybody out.
    if (this.#flows.size >= parts.limits.flowsMax)
      for (const [, idlest] of this.#flows) {
        idlest.close('overloaded', `more than flowsMax, ${parts.limits.flowsMax}, flows at a time`);
        break;
      }
    const flow = new Flow({
      ...target,
      id: parts.clock.id(),
      bind: this.#options.key,
      listener,
      client,
      parts,
      reply: (message) => this.#socket.send(message, from.port, from.address, onSent),
      closed: () => {
        this.#flows.delete(key);
        if (this.#isDraining && this.#flows.size === 0) this.#empty.resolve();
      },
    });
    this.#flows.set(key, flow);
    return flow;
  }

  #choose(listener: TunnelListener, client: SocketEnd): FlowTarget | { readonly dropped: Reason } {
    const { parts } = this.#options;
    if (listener.refusal(client) !== undefined) return { dropped: 'forbidden' };
    const route = listener.route(undefined);
    if (!route) return { dropped: 'route-not-found' };
    if (route.refusal(client) !== undefined) return { dropped: 'forbidden' };
    const choice = route.choose();
    if (!choice || choice.invalid !== undefined) return { dropped: 'backend-invalid' };
    const endpoint = parts.load.pick(parts.findEndpoints(choice, 'udp'), []);
    return endpoint ? { route, choice, endpoint } : { dropped: 'no-healthy-endpoint' };
  }

  #drop(listener: TunnelListener | undefined, reason: Reason): undefined {
    this.#options.parts.recorder.dropped({
      bind: this.#options.key,
      gateway: listener?.gateway ?? '',
      listener: listener?.key ?? '',
      protocol: 'udp',
      reason,
    });
    return undefined;
  }
}

/** An answer that cannot be sent is lost, as datagrams may be. */
function onSent(): void {}
