// One request and its reply, free of any transport (contract 8).
import type { Body } from './body.ts';
import { GatewayError, type Reason } from './errors.ts';
import type { HeaderList } from './header-list.ts';
import type { LlmFacts } from './llm-facts.ts';
import type { Target } from './target.ts';

/** The client end of the connection, as the gateway believes it after PROXY protocol and trusted hops. */
export interface ClientAddress {
  readonly address: string;
  readonly port: number;
}

/** What TLS said about the connection. */
export interface TlsFacts {
  readonly serverName: string | undefined;
  readonly protocol: string;
  readonly alpn: string | undefined;
  /** Key of the listener whose certificate the connection was shown. */
  readonly listener: string;
}

/** Who makes the request, filled by an authenticator; attribution uses this alone (contract 15). */
export interface Principal {
  readonly subject: string | undefined;
  readonly groups: readonly string[];
  readonly organization: string | undefined;
  readonly team: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly credential: { readonly kind: 'apiKey' | 'jwt' | 'basic' | 'certificate'; readonly id: string };
  /** Model names the credential may use, exact or with one `*`; empty allows all. */
  readonly allowedModels: readonly string[];
}

/** Why an exchange is given up. */
export type CancelReason = 'client-gone' | 'exchange-timeout' | 'drain' | 'policy';

/** What a given-up exchange fails with. */
export function toCancelError(reason: CancelReason): GatewayError {
  switch (reason) {
    case 'exchange-timeout':
      return new GatewayError('exchange-timeout', 'the exchange took longer than timeouts.request allows');
    case 'drain':
      return new GatewayError('draining', 'the gateway is shutting down');
    case 'policy':
      return new GatewayError('forbidden', 'a policy ended the exchange');
    default:
      return new GatewayError('client-gone', 'the client closed the connection');
  }
}

/** One try at one target, as logs and the admin side tell it. Times in milliseconds since the exchange began. */
export interface AttemptRecord {
  readonly id: string;
  /** Key of the backend. */
  readonly backend: string;
  /** What was tried: an endpoint, or provider and model. */
  readonly target: string;
  readonly startMs: number;
  firstByteMs?: number;
  endMs?: number;
  status?: number;
  reason?: Reason;
  /** Address the attempt was sent to. */
  endpoint?: string;
}

/** The spans of an exchange, where it is traced. */
export interface ExchangeTrace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Opens the span of an attempt and names it to the upstream (W3C Trace Context `traceparent`). */
  attempt(record: AttemptRecord, headers: HeaderList): void;
}

/** A policy's word on this exchange. */
export interface Verdict {
  readonly policy: string;
  readonly verdict: string;
}

/** What a snapshot offers to parts that name others by key; resolved at call time. */
export interface SnapshotView {
  /** Counts swaps, from 0. */
  readonly generation: number;
  /** The backend of that key, or undefined when it does not exist. */
  backend(key: string): Target | undefined;
  /** The addresses of one port of a Service; undefined while none are known. */
  endpoints(key: string): readonly EndpointAddress[] | undefined;
}

/** Where one endpoint listens. */
export interface EndpointAddress {
  /** IP address, or a host name. */
  readonly address: string;
  readonly port: number;
  /** Its share of the requests beside the other endpoints; 1 where it is left out, and 0 takes it out. */
  readonly weight?: number;
}

/** How errors are worded for this caller. */
export type Dialect = 'json' | 'grpc' | 'chat' | 'responses' | 'messages';

/** The route, rule and listener that were chosen; empty strings until then. */
export interface Placement {
  readonly bind: string;
  readonly listener: string;
  readonly gateway: string;
  readonly route: string;
  readonly rule: string;
  /** The path prefix that matched, for rewrites and redirects of it. */
  readonly matchedPrefix: string | undefined;
}

/** What a transport knows when a request head has arrived. */
export interface ExchangeHead {
  readonly id: string;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host, with a port where the client sent one; lower-case. */
  readonly authority: string;
  /** The same as the client wrote it, which is how backends are told; undefined means that nobody wrote it otherwise. */
  readonly host?: string | undefined;
  /** Raw path as received, without the query. */
  readonly path: string;
  /** Raw query as received, without `?`; empty for none, undefined where there was no `?`. */
  readonly query: string | undefined;
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** End-to-end headers: hop-by-hop fields and pseudo-headers are gone. */
  readonly headers: HeaderList;
  readonly body: Body;
  readonly client: ClientAddress;
  /** The gateway's end of the connection, as its client has it; undefined where it is not known. */
  readonly local?: ClientAddress | undefined;
  readonly tls: TlsFacts | undefined;
  /** The protocol that the client wants to go on with, in lower case (RFC 9110 §7.8, RFC 8441). */
  readonly upgrade?: string | undefined;
  /** Monotonic milliseconds at which the head was complete. */
  readonly startMs: number;
  /** Wall-clock milliseconds since the epoch at the same moment. */
  readonly startEpochMs: number;
}

/** What holds a share of the process's memory. */
export interface Releasable {
  release(): void;
}

/** A request on its way through the gateway. Steps may edit method, path, query, authority, headers and body. */
export class Exchange {
  readonly id: string;
  readonly head: ExchangeHead;
  method: string;
  scheme: 'http' | 'https';
  authority: string;
  path: string;
  query: string | undefined;
  headers: HeaderList;
  readonly body: Body;
  /** The configuration this request keeps to its end. */
  readonly snapshot: SnapshotView;
  placement: Placement = nowhere;
  dialect: Dialect = 'json';
  principal: Principal | undefined;
  /** LLM facts, once the request is known to be one. */
  llm: LlmFacts | undefined;
  readonly attempts: AttemptRecord[] = [];
  readonly verdicts: Verdict[] = [];
  /** Remarks of the gateway for the request's story: dropped fields, defaults used. */
  readonly notes: string[] = [];
  cancelReason: CancelReason | undefined;
  /** Passes an interim answer (1xx but 101) to the client; undefined where nobody can take one. */
  inform: ((status: number, headers: HeaderList) => void) | undefined;
  #facts: Map<string, unknown> | undefined;
  #onCancel: ((reason: CancelReason) => void)[] | undefined;
  #controller: AbortController | undefined;
  #unsettled = 0;
  #whenSettled: (() => void) | undefined;
  #kept: Releasable[] | undefined;
  #isReleased = false;

  constructor(head: ExchangeHead, snapshot: SnapshotView) {
    this.id = head.id;
    this.head = head;
    this.method = head.method;
    this.scheme = head.scheme;
    this.authority = head.authority;
    this.path = head.path;
    this.query = head.query;
    this.headers = head.headers;
    this.body = head.body;
    this.snapshot = snapshot;
  }

  trace: ExchangeTrace | undefined;
  /** Values set by policies for others to read, by policy kind. */
  get facts(): Map<string, unknown> {
    return (this.#facts ??= new Map());
  }

  /** The target as a client would write it: path and query. */
  get pathAndQuery(): string {
    return this.query === undefined ? this.path : `${this.path}?${this.query}`;
  }

  /** Whether no attempt's books are open. */
  get isSettled(): boolean {
    return this.#unsettled === 0;
  }

  /** An attempt's books are open; the record of the exchange waits for {@link settled}. */
  settling(): void {
    this.#unsettled++;
  }

  /** An attempt's settlement is in, or has failed. */
  settled(): void {
    if (--this.#unsettled > 0) return;
    const waiting = this.#whenSettled;
    this.#whenSettled = undefined;
    waiting?.();
  }

  /** Calls `fn` when no attempt's books are open; at once where none are. One caller at a time. */
  whenSettled(fn: () => void): void {
    if (this.#unsettled > 0) this.#whenSettled = fn;
    else fn();
  }

  /** Calls `fn` once when the exchange is given up, at once if it has been; the result takes the call back. */
  onCancel(fn: (reason: CancelReason) => void): () => void {
    if (this.cancelReason) {
      fn(this.cancelReason);
      return () => {};
    }
    const listeners = (this.#onCancel ??= []);
    listeners.push(fn);
    return () => {
      const index = listeners.indexOf(fn);
      if (index >= 0) listeners.splice(index, 1);
    };
  }

  /** Gives the exchange up; the first reason stays. */
  cancel(reason: CancelReason): void {
    if (this.cancelReason) return;
    this.cancelReason = reason;
    const listeners = this.#onCancel;
    this.#onCancel = undefined;
    this.#controller?.abort(reason);
    if (listeners) for (const listener of listeners.slice()) listener(reason);
  }

  /**
   * Makes the exchange the owner of what a body holds when it is collected, before or after this call: its share of the
   * process's memory is given back when the exchange is over. For every body but the request's own, and whatever else holds
   * such a share.
   */
  keep(body: Releasable): void {
    if (this.#isReleased) body.release();
    else (this.#kept ??= []).push(body);
  }

  /** The exchange is over: gives back what the request's body and every kept one hold. */
  release(): void {
    this.#isReleased = true;
    this.body.release();
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept) for (const body of kept) body.release();
  }

  /** An AbortSignal of the same moment, for libraries that want one; made on first use. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.cancelReason) this.#controller.abort(this.cancelReason);
    }
    return this.#controller.signal;
  }
}

const nowhere: Placement = { bind: '', listener: '', gateway: '', route: '', rule: '', matchedPrefix: undefined };

/** Who made a reply. */
export type ReplyOrigin = 'upstream' | 'policy' | 'gateway';

/** What goes back to the client. Trailers, if any, come with the end of the body. */
export interface Reply {
  status: number;
  headers: HeaderList;
  body: Body;
  readonly origin: ReplyOrigin;
  /** Set where the gateway itself failed or refused. */
  reason?: Reason;
  /** Log text of the failure; may hold what a client must not see. */
  error?: unknown;
  /**
   * Renders a failure after the head in the body's own format: bytes of an error event, after which the connection is
   * broken, or trailers that say it all (gRPC). Undefined means that nothing can be said.
   */
  renderFailure?: (error: unknown) => Uint8Array | HeaderList | undefined;
}
