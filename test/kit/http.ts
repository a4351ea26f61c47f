// A data plane without configuration, upstreams that do as told, and raw HTTP/1.1 and HTTP/2 clients to talk to them.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type Settings,
  type ServerHttp2Stream,
  connect as connectHttp2,
  createServer as createHttp2Server,
} from 'node:http2';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import {
  type Server as NetServer,
  type Socket,
  connect as connectSocket,
  createServer as createNetServer,
} from 'node:net';
import type { Log } from '@agentgateway/core/environment.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { Router } from '@agentgateway/core/route/router.ts';
import {
  type RetrySettings,
  type TimeoutSettings,
  defaultSettings,
  defaultTimeouts,
} from '@agentgateway/core/settings.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { callHttp } from '@agentgateway/proxy/backend/attempt.ts';
import type { BackendEnvironment } from '@agentgateway/proxy/backend/registry.ts';
import { systemClock } from '@agentgateway/proxy/environment.ts';
import { type Pipeline, handle } from '@agentgateway/proxy/pipeline/handle.ts';
import { type Bind, openBind } from '@agentgateway/proxy/server/bind.ts';
import type { Refusal } from '@agentgateway/proxy/server/http-service.ts';
import { type ServerLimits, serverLimits } from '@agentgateway/proxy/server/limits.ts';
import type { ResponseEnd } from '@agentgateway/proxy/server/responder.ts';
import {
  type BindPlan,
  type ListenerPlan,
  type PlannedStep,
  type RulePlan,
  type Snapshot,
  type StepPlan,
  emptySnapshot,
} from '@agentgateway/proxy/snapshot/snapshot.ts';
import { createTransport } from '@agentgateway/proxy/upstream/transport.ts';

/** Says nothing. */
export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** What the recorder was told of one exchange. */
export interface Recorded {
  readonly exchange: Exchange;
  readonly reply: Reply;
  readonly end: ResponseEnd;
}

/** A gateway with one rule and one backend. */
export interface Lane extends AsyncDisposable {
  readonly bind: Bind;
  readonly port: number;
  readonly records: Recorded[];
  /** Requests that were refused before they were exchanges. */
  readonly refusals: Refusal[];
  /** Resolves with the n-th record, counted from 1. */
  recorded(count?: number): Promise<Recorded>;
}

/** How the one rule behaves. */
export interface LaneOptions {
  /** Port of the upstream, or a backend of its own. */
  readonly upstream?: number | Target;
  /** Its key; the first part is the kind. */
  readonly backend?: string;
  readonly protocol?: 'http1' | 'http2';
  readonly steps?: readonly PlannedStep[];
  readonly timeouts?: Partial<TimeoutSettings>;
  readonly retry?: RetrySettings;
  readonly limits?: Partial<ServerLimits>;
  readonly trustedHops?: number;
  readonly replayBytesMax?: number;
  readonly responseBytesMax?: number;
  readonly answer?: Pipeline['answer'];
}

/** Opens the data plane on a free port: servers, pipeline and transport are the real ones. */
export async function openLane(options: LaneOptions): Promise<Lane> {
  const transport = createTransport({ log: quiet, clock: systemClock });
  const environment = { ...systemClock, log: quiet, transport } as unknown as BackendEnvironment;
  const target = typeof options.upstream === 'object' ? options.upstream : toTarget(options, environment);
  const snapshot = toSnapshot(options, target);
  const records: Recorded[] = [];
  const refusals: Refusal[] = [];
  let wake = Promise.withResolvers<void>();
  const pipeline: Pipeline = {
    store: { current: snapshot },
    timers: transport.timers,
    limits: {
      replayBytesMax: options.replayBytesMax ?? 1024 * 1024,
      responseBytesMax: options.responseBytesMax ?? 1024 * 1024,
    },
    ...(options.answer && { answer: options.answer }),
    record(exchange, reply, end) {
      records.push({ exchange, reply, end });
      wake.resolve();
      wake = Promise.withResolvers();
    },
  };
  const bind = await openBind({
    address: '127.0.0.1',
    port: 0,
    log: quiet,
    clock: systemClock,
    trustedHops: options.trustedHops ?? 0,
    limits: { ...serverLimits, ...options.limits },
    handle: (head, responder) => handle(pipeline, 'test', head, responder),
    refused: (refusal) => refusals.push(refusal),
  });
  return {
    bind,
    port: bind.port,
    records,
    refusals,
    async recorded(count = 1) {
      while (records.length < count) await wake.promise;
      return records[count - 1]!;
    },
    async [Symbol.asyncDispose]() {
      await bind.drain(0);
      transport.close();
    },
  };
}

function toTarget(
  { upstream, protocol = 'http1', backend = 'backend/default/test' }: LaneOptions,
  environment: BackendEnvironment,
): Target {
  return {
    key: backend,
    call: (exchange, plan) =>
      callHttp(exchange, plan, environment, () => ({
        backend,
        endpoint: { address: '127.0.0.1', port: upstream as number },
        tls: undefined,
        protocol,
        authority: undefined,
      })),
  };
}

function toSnapshot({ steps = [], timeouts, retry }: LaneOptions, target: Target): Snapshot {
  const none: StepPlan = { steps: [] };
  const plan: StepPlan = { steps };
  const settings = { ...defaultSettings, timeouts: { ...defaultTimeouts, ...timeouts }, retry };
  const choice = {
    key: target.key,
    port: 0,
    weight: 1,
    invalid: undefined,
    plan: none,
    settings,
    decisions: [],
    protocol: 'http1' as const,
    mirrors: [],
  };
  const rule: RulePlan = {
    route: 'route/default/test',
    rule: '',
    index: 0,
    plan,
    settings,
    backends: [choice],
    choose: () => choice,
    mirrors: [],
    decisions: [],
  };
  const router = {
    match: (exchange: Exchange) =>
      !exchange.path.startsWith('/') || exchange.path.startsWith('/nowhere')
        ? undefined
        : { value: rule, matchedPrefix: undefined },
  } as unknown as Router<RulePlan>;
  const listener: ListenerPlan = {
    key: 'listener/default/test/http',
    gateway: 'gateway/default/test',
    listenerSet: undefined,
    name: 'http',
    protocol: 'HTTP',
    hostname: '',
    tls: undefined,
    backendCertificate: undefined,
    proxyProtocol: undefined,
    router,
    unmatched: plan,
    decisions: [],
  };
  const bind: BindPlan = {
    key: 'test',
    address: '',
    port: 0,
    lane: 'http',
    listeners: [listener],
    select: () => listener,
    selectBySni: () => undefined,
    isMisdirected: () => false,
  };
  return {
    ...emptySnapshot(),
    binds: new Map([['test', bind]]),
    backend: (key) => (key === target.key ? target : undefined),
  };
}

/** A step of a plan. */
export function planned(kind: string, step: PlannedStep['step']): PlannedStep {
  return { policy: `policy/default/${kind}`, kind, phase: 'filters', step };
}

/** A server that is disposed with the test. */
export interface Upstream extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
}

/** An HTTP/1.1 upstream that does what the handler does. */
export async function startUpstream(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Upstream> {
  const server = createServer({ keepAliveTimeout: 0 }, handler);
  return toUpstream(server, () => server.closeAllConnections());
}

/** An h2c upstream that does what the handler does. */
export async function startHttp2Upstream(
  handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: string[]) => void,
  settings: Settings = {},
): Promise<Upstream> {
  const server: Http2Server = createHttp2Server({ settings });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers, _flags, raw) => {
    stream.on('error', () => {});
    handler(stream as ServerHttp2Stream, headers, raw);
  });
  return toUpstream(server, () => {
    for (const session of sessions) session.destroy();
  });
}

/** An upstream that speaks whatever bytes it likes; the handler is called once per connection. */
export async function startRawUpstream(handler: (socket: Socket, index: number) => void): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let index = 0;
  const server = createNetServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    handler(socket, index++);
  });
  return toUpstream(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function toUpstream(server: Server | Http2Server | NetServer, closeAll: () => void): Promise<Upstream> {
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      closeAll();
      await closed;
    },
  };
}

/** One HTTP/1.1 answer, as it stood on the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Lines of the head as received, without the status line. */
  readonly lines: string[];
  /** The first value of a field, by lower-case name. */
  header(name: string): string | undefined;
  readonly body: string;
  readonly trailers: string[];
  /** Whether the body came to its own end, by length, last chunk or a clean close. */
  readonly isWhole: boolean;
}

/** A raw HTTP/1.1 client: bytes out, answers in. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #isEnded = false;
  #isReset = false;
  #wake = Promise.withResolvers<void>();

  constructor(port: number) {
    this.socket = connectSocket(port, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#tell();
    });
    this.socket.on('error', () => {
      this.#isReset = true;
    });
    this.socket.on('close', () => {
      this.#isEnded = true;
      this.#tell();
    });
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Everything received and not yet read as an answer. */
  get pending(): string {
    return this.#received.toString('latin1');
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Waits until the received bytes satisfy the test. */
  async until(test: (received: string) => boolean): Promise<void> {
    while (!test(this.pending)) {
      if (this.#isEnded) throw new Error(`the connection ended; received: ${this.pending.slice(0, 500)}`);
      await this.#wake.promise;
    }
  }

  /** Waits for the end of the connection; true when it was a reset. */
  async ended(): Promise<boolean> {
    while (!this.#isEnded) await this.#wake.promise;
    return this.#isReset;
  }

  /** Reads the next answer; interim ones count as answers of their own. */
  async answer(method = 'GET'): Promise<RawAnswer> {
    for (;;) {
      const parsed = parseAnswer(this.#received, method, this.#isEnded);
      if (parsed) {
        this.#received = this.#received.subarray(parsed.size);
        return parsed.answer;
      }
      if (this.#isEnded)
        throw new Error(`the connection ended without an answer; received: ${this.pending.slice(0, 500)}`);
      await this.#wake.promise;
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #tell(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

function parseAnswer(
  received: Buffer,
  method: string,
  isEnded: boolean,
): { answer: RawAnswer; size: number } | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const header = (name: string): string | undefined => {
    const line = lines.find((one) => one.toLowerCase().startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim();
  };
  const start = headEnd + 4;
  const done = (
    body: string,
    size: number,
    rest: { isWhole?: boolean; trailers?: string[] } = {},
  ): { answer: RawAnswer; size: number } => ({
    answer: { status, lines, header, body, trailers: rest.trailers ?? [], isWhole: rest.isWhole ?? true },
    size,
  });
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return done('', start);
  const length = header('content-length');
  if (length !== undefined) {
    const end = start + Number(length);
    if (received.length >= end) return done(received.toString('latin1', start, end), end);
    return isEnded ? done(received.toString('latin1', start), received.length, { isWhole: false }) : undefined;
  }
  if (header('transfer-encoding') === 'chunked') return parseChunks(received, start, isEnded, done);
  return isEnded ? done(received.toString('latin1', start), received.length) : undefined;
}

type Done = (
  body: string,
  size: number,
  rest?: { isWhole?: boolean; trailers?: string[] },
) => { answer: RawAnswer; size: number };

function parseChunks(received: Buffer, start: number, isEnded: boolean, done: Done): ReturnType<Done> | undefined {
  let body = '';
  let at = start;
  const cut = (): ReturnType<Done> | undefined =>
    isEnded ? done(body, received.length, { isWhole: false }) : undefined;
  for (;;) {
    const lineEnd = received.indexOf('\r\n', at);
    if (lineEnd < 0) return cut();
    const size = Number.parseInt(received.toString('latin1', at, lineEnd), 16);
    if (size === 0) {
      const rest = received.toString('latin1', lineEnd + 2);
      if (rest.startsWith('\r\n')) return done(body, lineEnd + 4);
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return cut();
      return done(body, lineEnd + 2 + end + 4, { trailers: rest.slice(0, end).split('\r\n') });
    }
    const chunkEnd = lineEnd + 2 + size;
    body += received.toString('latin1', lineEnd + 2, Math.min(chunkEnd, received.length));
    if (received.length < chunkEnd + 2) return cut();
    at = chunkEnd + 2;
  }
}

/** Sends one HTTP/1.1 request on a connection of its own and reads the answer. */
export async function ask(port: number, head: string, body: string = ''): Promise<RawAnswer> {
  using client = new RawClient(port);
  client.send(`${head}\r\nhost: test\r\nconnection: close\r\n\r\n${body}`);
  return await client.answer(head.split(' ', 1)[0]);
}

/** One HTTP/2 answer. */
export interface Http2Answer {
  readonly status: number;
  /** Flat fields in order, pseudo-headers included. */
  readonly raw: string[];
  header(name: string): string | undefined;
  readonly body: string;
  readonly trailers: Record<string, unknown> | undefined;
  /** Interim answers' fields. */
  readonly interim: Record<string, unknown>[];
  /** The stream's error code; undefined when it ended normally. */
  readonly error: string | undefined;
}

/** An HTTP/2 client with prior knowledge. */
export class Http2Client implements Disposable {
  readonly session: ClientHttp2Session;

  constructor(port: number) {
    this.session = connectHttp2(`http://127.0.0.1:${port}`);
    this.session.on('error', () => {});
  }

  /** Opens a stream; fields are flat and include the pseudo-headers wanted beside the defaults. */
  open(
    method: string,
    path: string,
    fields: readonly string[] = [],
    options: { endStream?: boolean } = {},
  ): ClientHttp2Stream {
    const stream = this.session.request(
      [':method', method, ':path', path, ':scheme', 'http', ':authority', 'test', ...fields],
      { endStream: options.endStream ?? false },
    );
    stream.on('error', () => {});
    return stream;
  }

  /** Sends a whole request and reads the whole answer. */
  ask(method: string, path: string, fields: readonly string[] = [], body?: string): Promise<Http2Answer> {
    const stream = this.open(method, path, fields, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    return readHttp2(stream);
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

/** Reads a stream's answer to its end, whichever end that is. */
export function readHttp2(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return new Promise((resolve) => {
    let raw: string[] = [];
    let body = '';
    let error: string | undefined;
    let trailers: Record<string, unknown> | undefined;
    const interim: Record<string, unknown>[] = [];
    stream.on('headers', (headers) => interim.push(headers));
    stream.on('response', (_headers, _flags, fields) => {
      raw = fields;
    });
    stream.on('trailers', (headers) => {
      trailers = headers;
    });
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    stream.on('error', (cause: Error & { code?: string }) => {
      error = cause.code ?? cause.message;
    });
    stream.on('close', () => {
      if (stream.rstCode) error ??= `RST ${stream.rstCode}`;
      const header = (name: string): string | undefined => {
        const at = raw.findIndex((field, index) => index % 2 === 0 && field === name);
        return at < 0 ? undefined : raw[at + 1];
      };
      resolve({ status: Number(header(':status')), raw, header, body, trailers, interim, error });
    });
  });
}
