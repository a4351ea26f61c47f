// gRPC between a real client and a real server: every kind of call, deadlines, cancellation, and what errors become of (gRPC over HTTP/2).
import {
  Client,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  credentials,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestGateway } from '../../kit/gateway.ts';
import { gateway, grpcRoute, httpRoute, ref, service, startApi } from './kit.ts';

const write = (text: string): Buffer => Buffer.from(text);
const read = (buffer: Buffer): string => buffer.toString();

function method(name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<string, string> {
  const codec = {
    requestSerialize: write,
    requestDeserialize: read,
    responseSerialize: write,
    responseDeserialize: read,
  };
  return { path: `/acme.Calls/${name}`, requestStream, responseStream, ...codec };
}

type Done = (error: object | null, answer?: string, trailer?: Metadata) => void;

let cancelled: PromiseWithResolvers<string>;

/** A server that says what it got. */
async function startServer(name: string): Promise<{ server: Server; port: number }> {
  const server = new Server();
  server.addService(
    {
      unary: method('Unary', false, false),
      fail: method('Fail', false, false),
      never: method('Never', false, false),
      down: method('Down', false, true),
      up: method('Up', true, false),
      both: method('Both', true, true),
    },
    {
      unary(call: ServerUnaryCall<string, string>, done: Done) {
        const head = new Metadata();
        head.set('x-head', 'head');
        call.sendMetadata(head);
        const trailer = new Metadata();
        trailer.set('x-late', 'late');
        trailer.set('x-late-bin', Buffer.from([0, 255]));
        done(null, `${name} ${call.request} ${String(call.metadata.get('x-mine')[0] ?? '')}`, trailer);
      },
      fail(call: ServerUnaryCall<string, string>, done: Done) {
        const metadata = new Metadata();
        metadata.set('x-why', 'because');
        done({ code: Number(call.request), details: 'ü %', metadata });
      },
      never(call: ServerUnaryCall<string, string>) {
        call.on('cancelled', () => cancelled.resolve(call.request));
      },
      down(call: ServerWritableStream<string, string>) {
        for (let i = 0; i < 5; i++) call.write(`${call.request} ${i}`);
        call.end();
      },
      up(call: ServerReadableStream<string, string>, done: Done) {
        const got: string[] = [];
        call.on('data', (text: string) => got.push(text));
        call.on('end', () => done(null, got.join()));
      },
      both(call: ServerDuplexStream<string, string>) {
        call.on('data', (text: string) => call.write(`echo ${text}`));
        call.on('end', () => {
          // What is said after the client has said all: a half-closed stream carries answers.
          call.write('after');
          call.end();
        });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { server, port };
}

let servers: { server: Server; port: number }[];
let api: TestGateway;
const clients = new Map<string, Client>();

const rules = (backendRefs: readonly object[]): object => ({ rules: [{ backendRefs }] });

beforeAll(async () => {
  servers = await Promise.all(['a', 'b'].map(startServer));
  api = await startApi(
    gateway(),
    service('a', servers[0]!.port, { appProtocol: 'kubernetes.io/h2c' }),
    service('b', servers[1]!.port),
    service('empty', 1, { ports: [] }),
    grpcRoute('calls', {
      hostnames: ['calls.example'],
      rules: [{ matches: [{ method: { service: 'acme.Calls' } }], backendRefs: [ref('a')] }],
    }),
    grpcRoute('weights', {
      hostnames: ['weights.example'],
      ...rules([
        ref('a', { weight: 70 }),
        ref('b', { weight: 25 }),
        ref('gone', { weight: 5 }),
        ref('empty', { weight: 0 }),
      ]),
    }),
    grpcRoute('gone', { hostnames: ['gone.example'], ...rules([ref('gone')]) }),
    grpcRoute('empty', { hostnames: ['empty.example'], ...rules([ref('empty')]) }),
    grpcRoute('nothing', {
      hostnames: ['nothing.example'],
      rules: [{ matches: [{ method: { service: 'acme.Calls' } }] }],
    }),
    // An HTTPRoute carries gRPC, too, where the Service says that HTTP/2 is spoken.
    httpRoute('http', { hostnames: ['http.example'], ...rules([ref('a')]) }),
  );
});

afterAll(async () => {
  for (const client of clients.values()) client.close();
  await api[Symbol.asyncDispose]();
  for (const { server } of servers) server.forceShutdown();
});

function client(host = 'calls.example'): Client {
  const known =
    clients.get(host) ??
    new Client(new URL(api.url).host, credentials.createInsecure(), { 'grpc.default_authority': host });
  clients.set(host, known);
  return known;
}

interface Answer {
  readonly error: ServiceError | null;
  readonly answer: string | undefined;
  readonly head: Metadata | undefined;
  readonly trailer: Metadata;
  readonly code: status;
}

function unary(name: string, request: string, { host, mine }: { host?: string; mine?: string } = {}): Promise<Answer> {
  const metadata = new Metadata();
  if (mine !== undefined) metadata.set('x-mine', mine);
  return new Promise((resolve) => {
    let outcome: { error: ServiceError | null; answer: string | undefined };
    let head: Metadata | undefined;
    const options = { deadline: Date.now() + 30_000 };
    const call = client(host).makeUnaryRequest(name, write, read, request, metadata, options, (error, answer) => {
      outcome = { error, answer };
    });
    call.on('metadata', (given) => (head = given));
    call.on('status', ({ code, metadata: trailer }) =>
      queueMicrotask(() => resolve({ ...outcome, head, trailer, code })),
    );
  });
}

describe('calls pass whole', () => {
  test.each(['calls.example', 'http.example'])('unary, with what stands before and behind (%s)', async (host) => {
    const { error, answer, head, trailer } = await unary('/acme.Calls/Unary', 'hello', { host, mine: 'mine' });
    expect(error).toBeNull();
    expect(answer).toBe('a hello mine');
    expect(head!.get('x-head')).toEqual(['head']);
    expect(trailer.get('x-late')).toEqual(['late']);
    expect(trailer.get('x-late-bin')).toEqual([Buffer.from([0, 255])]);
  });

  test('a stream of answers', async () => {
    const call = client().makeServerStreamRequest('/acme.Calls/Down', write, read, 'n');
    const got: unknown[] = [];
    for await (const text of call) got.push(text);
    expect(got).toEqual(['n 0', 'n 1', 'n 2', 'n 3', 'n 4']);
  });

  test('a stream of requests', async () => {
    const answer = await new Promise((resolve, reject) => {
      const call = client().makeClientStreamRequest('/acme.Calls/Up', write, read, (error, text) =>
        error ? reject(error) : resolve(text),
      );
      for (const text of ['1', '2', '3']) call.write(text);
      call.end();
    });
    expect(answer).toBe('1,2,3');
  });

  test('both ways, and answers after the client has said all', async () => {
    const call = client().makeBidiStreamRequest('/acme.Calls/Both', write, read);
    const got: string[] = [];
    for await (const text of (call.write('1'), call)) {
      got.push(text as string);
      if (got.length === 1) call.write('2');
      if (got.length === 2) call.end();
    }
    expect(got).toEqual(['echo 1', 'echo 2', 'after']);
  });

  test('messages larger than the windows of HTTP/2', async () => {
    const large = 'x'.repeat(1_000_000);
    expect((await unary('/acme.Calls/Unary', large)).answer).toBe(`a ${large} `);
  });
});

test.each(Array.from({ length: 16 }, (_, index) => index + 1))(
  'status %i of a server passes, with its words',
  async (code) => {
    const { error } = await unary('/acme.Calls/Fail', String(code));
    expect(error).toMatchObject({ code, details: 'ü %' });
    expect(error!.metadata.get('x-why')).toEqual(['because']);
  },
);

describe('what the gateway answers', () => {
  test.each([
    ['what no rule matches', 'calls.example', '/acme.Other/Unary', status.UNIMPLEMENTED],
    ['a host of no route', 'unknown.example', '/acme.Calls/Unary', status.UNIMPLEMENTED],
    ['a backend that does not exist', 'gone.example', '/acme.Calls/Unary', status.UNAVAILABLE],
    ['a backend without endpoints', 'empty.example', '/acme.Calls/Unary', status.UNAVAILABLE],
    ['a rule without backends', 'nothing.example', '/acme.Calls/Unary', status.UNAVAILABLE],
  ])('%s is told to a client as gRPC tells it', async (_title, host, name, code) => {
    const { error } = await unary(name, 'hello', { host });
    expect(error!.code).toBe(code);
    expect(error!.details).not.toBe('');
  });
});

test('a deadline ends the call at the client and at the server', async () => {
  cancelled = Promise.withResolvers();
  const error = await new Promise<ServiceError | null>((resolve) =>
    client().makeUnaryRequest(
      '/acme.Calls/Never',
      write,
      read,
      'deadline',
      new Metadata(),
      { deadline: Date.now() + 300 },
      (cause) => resolve(cause),
    ),
  );
  expect(error!.code).toBe(status.DEADLINE_EXCEEDED);
  expect(await cancelled.promise).toBe('deadline');
});

test('a call that is cancelled is cancelled at the server', async () => {
  cancelled = Promise.withResolvers();
  const ended = Promise.withResolvers<ServiceError | null>();
  const call = client().makeUnaryRequest('/acme.Calls/Never', write, read, 'cancel', (error) => ended.resolve(error));
  // It is with the server once another one, sent after it on the same connection, is answered.
  await unary('/acme.Calls/Unary', 'hello');
  call.cancel();
  expect((await ended.promise)!.code).toBe(status.CANCELLED);
  expect(await cancelled.promise).toBe('cancel');
});

test('weights are exact over 500 calls, ten at a time; what cannot be called has its share, and 0 has none (GRPCRouteWeight)', async () => {
  const told = new Map<string, number>();
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) {
      const { answer, code } = await unary('/acme.Calls/Unary', 'hello', { host: 'weights.example' });
      const who = answer?.split(' ', 1)[0] ?? status[code];
      told.set(who, (told.get(who) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expect(Object.fromEntries(told)).toEqual({ a: 350, b: 125, UNAVAILABLE: 25 });
});
