// A strict stand-in for an LLM vendor on a real socket: refuses what the vendor refuses, answers as it answers, fails on demand.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Recording } from '../recordings/recordings.ts';
import { defaultScript, type ProviderKind, type Script } from './answer.ts';
import { Gate, type Failure } from './failure.ts';
import { ProviderMemory } from './memory.ts';
import { toStatusRefusal, VendorRefusal } from './refusal.ts';
import { answerCall, toRefusalAnswer, type ProviderState } from './route.ts';
import { send, type Answer } from './send.ts';

/** What a fake is. */
export interface FakeProviderOptions {
  readonly kind: ProviderKind;
  /** Keys that may call; any where absent. */
  readonly keys?: readonly string[];
  readonly script?: Script;
  /** Models served beside the vendor's own. A compatible vendor serves any model where this is empty. */
  readonly models?: readonly string[];
  /** Top-level request fields that this vendor refuses although the format has them. */
  readonly refusedFields?: readonly string[];
  /** Takes any JSON body: for replaying recordings whose requests differ. */
  readonly isLenient?: boolean;
  /** `h2c`: HTTP/2 without TLS, with prior knowledge, and nothing else. */
  readonly protocol?: 'http1' | 'h2c';
  /** Fakes of one key know each other's signatures; by default all of a kind do, as a vendor's endpoints do. */
  readonly signingKey?: string;
}

/** A request as it arrived. */
export interface ReceivedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Flat `[name, value, …]`, as received. */
  readonly headers: readonly string[];
  /** Lower-case names; repeated ones joined. */
  readonly header: (name: string) => string | undefined;
  readonly bodyBytes: Uint8Array;
  readonly bodyText: string;
  /** The body as JSON; undefined where it is none. */
  readonly json: unknown;
  /** What the fake answered; undefined before it has. The reason of a refusal is in `refusal`. */
  status: number | undefined;
  refusal: string | undefined;
  /** The client left before the answer had ended. */
  isAborted: boolean;
}

/** A running fake. */
export interface FakeProvider extends AsyncDisposable {
  readonly kind: ProviderKind;
  /** `http://127.0.0.1:PORT`, without `/v1`. */
  readonly url: string;
  readonly port: number;
  /** All requests, oldest first, also refused ones. */
  readonly requests: readonly ReceivedRequest[];
  /** Connections that were accepted so far. */
  readonly connectionCount: () => number;
  /** Changes what the model says. */
  readonly setScript: (script: Script) => void;
  /** Answers the next generation requests from a recording: status, content type and bytes as recorded. The request is still validated. */
  readonly replay: (recording: Recording, times?: number) => void;
  /** Fails the next requests so; several calls queue up. */
  readonly failNext: (failure: Failure, times?: number) => void;
  /** Holds back the next answer's events. */
  readonly hold: () => Gate;
  /** Resolves when so many requests have arrived; by default the first. */
  readonly waitForRequests: (count?: number) => Promise<void>;
  /** Resolves when a client has left in the middle of an answer, with its request; also where it already has. */
  readonly waitForAbort: () => Promise<ReceivedRequest>;
  /** Resets what is open and stops listening. */
  readonly close: () => Promise<void>;
}

interface Queued<T> {
  readonly value: T;
  left: number;
}

let minted = 0;

/** Unique within the process, so that ids of two fakes are never the same. */
function mint(prefix: string): string {
  minted += 1;
  return `${prefix}fake${String(minted).padStart(8, '0')}`;
}

/** Starts a fake on a free port of the loopback interface. */
export async function startFakeProvider(options: FakeProviderOptions): Promise<FakeProvider> {
  const { kind, protocol = 'http1' } = options;
  const state: ProviderState = {
    kind,
    keys: options.keys,
    models: options.models ?? [],
    refusedFields: options.refusedFields ?? [],
    isLenient: options.isLenient ?? false,
    memory: new ProviderMemory(options.signingKey ?? kind),
    files: new Map(),
    mint,
    script: options.script ?? defaultScript,
  };
  const desk = new Desk(state);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void desk.serve(request, response);
  };
  const server =
    protocol === 'h2c'
      ? createHttp2Server((request, response) =>
          // The compatible objects of node:http2 have what is used of node:http's.
          listener(request as unknown as IncomingMessage, response as unknown as ServerResponse),
        )
      : createServer({ keepAliveTimeout: 60_000 }, listener);
  const sockets = await listen(server);
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    desk.close();
    for (const socket of sockets.open) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
  return {
    kind,
    url: `http://127.0.0.1:${String(port)}`,
    port,
    requests: desk.requests,
    connectionCount: () => sockets.accepted,
    setScript: (script) => {
      state.script = script;
    },
    replay: (value, times = 1) => void desk.replays.push({ value, left: times }),
    failNext: (value, times = 1) => void desk.failures.push({ value, left: times }),
    hold: () => desk.hold(),
    waitForRequests: (count = 1) =>
      desk.until(() => (desk.requests.length >= count ? true : undefined)).then(() => undefined),
    waitForAbort: () => desk.until(() => desk.requests.find(({ isAborted }) => isAborted)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function listen(
  server: Server | ReturnType<typeof createHttp2Server>,
): Promise<{ open: Set<Socket>; accepted: number }> {
  const sockets = { open: new Set<Socket>(), accepted: 0 };
  server.on('connection', (socket: Socket) => {
    sockets.accepted += 1;
    sockets.open.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => sockets.open.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return sockets;
}

/** Serves requests with what the test queued up. */
class Desk {
  readonly requests: ReceivedRequest[] = [];
  readonly failures: Queued<Failure>[] = [];
  readonly replays: Queued<Recording>[] = [];
  readonly #state: ProviderState;
  readonly #closing = new AbortController();
  readonly #gates: Gate[] = [];
  #waiting: (() => void)[] = [];

  constructor(state: ProviderState) {
    this.#state = state;
  }

  close(): void {
    this.#closing.abort(new Error('the fake provider closes'));
  }

  hold(): Gate {
    const gate = new Gate();
    this.#gates.push(gate);
    return gate;
  }

  /** Resolves with what `find` finds, now or after some change. */
  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    let request: ReceivedRequest | undefined;
    let isSent = false;
    let failure: Failure | undefined;
    response.on('error', () => undefined);
    response.on('close', () => {
      if (isSent || this.#closing.signal.aborted) return;
      // A reset is the provider's own doing.
      const isOwn = failure?.kind === 'reset-before-head' || failure?.kind === 'reset-mid-stream';
      if (request !== undefined) request.isAborted = !isOwn;
      gone.abort(new Error('the client has left'));
      this.#notify();
    });
    try {
      const body = await readAll(incoming);
      request = toReceived(incoming, body);
      this.requests.push(request);
      this.#notify();
      // What was queued is taken before anything waits, so that it meets the request that it was meant for.
      failure = take(this.failures);
      const gate = this.#gates.shift();
      const answer = await this.#answer(incoming, body, failure);
      request.status = answer.status;
      if (answer.status >= 400) request.refusal = Buffer.concat(answer.frames).toString();
      const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
      response.on('finish', () => {
        isSent = true;
      });
      const isGzipAsked = /\bgzip\b/u.test(incoming.headers['accept-encoding'] ?? '');
      await send(response, answer, { failure, gate, isGzipAsked, signal });
    } catch (error) {
      // A client that leaves while it sends has been noted; a mistake of a script or of the fake must be seen.
      if (gone.signal.aborted || request === undefined) return;
      process.stderr.write(`fake provider: ${error instanceof Error ? String(error.stack) : String(error)}\n`);
      request.refusal = String(error);
      response.destroy();
    }
  }

  async #answer(incoming: IncomingMessage, body: Buffer<ArrayBuffer>, failure: Failure | undefined): Promise<Answer> {
    if (failure?.kind === 'status') {
      const refusal = toStatusRefusal(this.#state.kind, failure.status);
      const { status, body = refusal.body, headers = {} } = failure;
      return toRefusalAnswer(new VendorRefusal(status, body, headers), this.#state);
    }
    const [path = ''] = (incoming.url ?? '').split('?');
    const isGeneration = incoming.method === 'POST' && /\/(?:completions|responses|messages)$/u.test(path);
    return answerCall(
      {
        method: incoming.method ?? '',
        path,
        headers: incoming.headers,
        body,
        sequence: this.requests.length - 1,
        replay: isGeneration ? take(this.replays) : undefined,
      },
      this.#state,
    );
  }

  #notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function take<T>(queue: Queued<T>[]): T | undefined {
  const [first] = queue;
  if (first === undefined) return undefined;
  first.left -= 1;
  if (first.left <= 0) queue.shift();
  return first.value;
}

async function readAll(incoming: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function toReceived(incoming: IncomingMessage, body: Buffer): ReceivedRequest {
  const bodyText = body.toString();
  let json: unknown;
  try {
    json = JSON.parse(bodyText);
  } catch {
    json = undefined;
  }
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: [...incoming.rawHeaders],
    header: (name) => {
      const value = incoming.headers[name.toLowerCase()];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    bodyBytes: body,
    bodyText,
    json,
    status: undefined,
    refusal: undefined,
    isAborted: false,
  };
}
