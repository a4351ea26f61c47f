// gRPC: methods, headers, host names, weights, trailers, and the statuses that the gateway makes (Gateway API GRPCRoute).
import { connect } from 'node:http2';
import {
  Client,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  credentials,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestGateway } from '../../kit/gateway.ts';
import { gateway, grpcRoute, httpRoute, ref, service, startApi } from './kit.ts';

const bytes = { serialize: (text: string) => Buffer.from(text), deserialize: (buffer: Buffer) => buffer.toString() };
const methodOf = (path: string, isStream: boolean): MethodDefinition<string, string> => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: bytes.serialize,
  requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize,
  responseDeserialize: bytes.deserialize,
});

/** Starts a server that answers with its name, and echoes streams. */
async function startServer(name: string): Promise<{ server: Server; port: number }> {
  const server = new Server();
  const services = ['acme.Echo', 'acme.EchoTwo'];
  for (const own of services)
    server.addService(
      {
        one: methodOf(`/${own}/One`, false),
        two: methodOf(`/${own}/Two`, false),
        chat: methodOf(`/${own}/Chat`, true),
      },
      {
        one: (_call: unknown, done: (error: null, answer: string) => void) => done(null, `${name} one`),
        two: (call: ServerUnaryCall<string, string>, done: (error: object) => void) => {
          const trailers = new Metadata();
          trailers.set('x-trailer', String(call.metadata.get('x-set')[0] ?? ''));
          done({ code: status.FAILED_PRECONDITION, details: `${name} says no`, metadata: trailers });
        },
        chat: (call: ServerDuplexStream<string, string>) => {
          call.on('data', (text: string) => call.write(`${name} ${text}`));
          call.on('end', () => call.end());
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
const method = (fields: object): object => ({ method: fields });
const clients: Client[] = [];

beforeAll(async () => {
  servers = await Promise.all(['a', 'b'].map(startServer));
  api = await startApi(
    gateway([{ name: 'any' }, { name: 'host', hostname: '*.host.example' }]),
    service('a', servers[0]!.port),
    service('b', servers[1]!.port),
    service('empty', 1, { ports: [] }),
    grpcRoute('methods', {
      hostnames: ['methods.example'],
      rules: [
        { name: 'exact', matches: [method({ service: 'acme.Echo', method: 'One' })], backendRefs: [ref('a')] },
        { matches: [method({ service: 'acme.EchoTwo' })], backendRefs: [ref('b')] },
        { matches: [method({ method: 'Chat' })], backendRefs: [ref('b')] },
        {
          matches: [method({ type: 'RegularExpression', service: 'acme\\.E.*', method: 'T.o' })],
          backendRefs: [ref('a')],
          filters: [
            { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-set', value: 'set' }] } },
          ],
        },
      ],
    }),
    grpcRoute('headers', {
      hostnames: ['headers.example'],
      rules: [
        { matches: [{ headers: [{ name: 'version', value: 'one' }] }], backendRefs: [ref('a')] },
        { matches: [{ headers: [{ name: 'version', value: 'two' }] }], backendRefs: [ref('b')] },
      ],
    }),
    grpcRoute('weights', {
      hostnames: ['weights.example'],
      rules: [{ backendRefs: [ref('a', { weight: 3 }), ref('b', { weight: 1 }), ref('a', { weight: 0 })] }],
    }),
    grpcRoute('hosts', { hostnames: ['*.host.example'], rules: [{ backendRefs: [ref('b')] }] }),
    grpcRoute('invalid', { hostnames: ['invalid.example'], rules: [{ backendRefs: [ref('gone')] }] }),
    grpcRoute('empty', { hostnames: ['empty.example'], rules: [{ backendRefs: [ref('empty')] }] }),
    httpRoute('older', { hostnames: ['shared.example'], rules: [{ backendRefs: [ref('empty')] }] }),
    grpcRoute('younger', { hostnames: ['shared.example'], rules: [{ backendRefs: [ref('a')] }] }),
  );
});

afterAll(async () => {
  for (const client of clients) client.close();
  await api[Symbol.asyncDispose]();
  for (const { server } of servers) server.forceShutdown();
});

function clientOf(host: string): Client {
  const client = new Client(new URL(api.url).host, credentials.createInsecure(), { 'grpc.default_authority': host });
  clients.push(client);
  return client;
}

/** The answer of a call that succeeds. */
function call(host: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise((resolve, reject) =>
    clientOf(host).makeUnaryRequest(path, bytes.serialize, bytes.deserialize, 'hello', metadata, (error, answer) =>
      error ? reject(error) : resolve(answer),
    ),
  );
}

/** The end of a call that fails: one head with everything in it, or trailers. */
interface Failed {
  readonly status: string | undefined;
  readonly head: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>> | undefined;
}

/** How a call fails on the wire. */
function failure(host: string, path: string): Promise<Failed> {
  const session = connect(api.url);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    ':authority': host,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let head: Record<string, unknown> = {};
  let trailers: Record<string, unknown> | undefined;
  stream.on('response', (fields) => (head = fields));
  stream.on('trailers', (fields) => (trailers = fields));
  // One message, "hello", with its five bytes of prefix.
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 5]), Buffer.from('hello')]));
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', () => {
      session.close();
      const told = head['grpc-status'] ?? trailers?.['grpc-status'];
      resolve({ status: told === undefined ? undefined : status[Number(told)], head, trailers });
    });
    stream.resume();
  });
}

describe('methods (GRPCExactMethodMatching, GRPCRouteNamedRule)', () => {
  test.each([
    ['/acme.Echo/One', 'a one'],
    ['/acme.EchoTwo/One', 'b one'],
  ])('%s → %s', async (path, answer) => {
    expect(await call('methods.example', path)).toBe(answer);
  });

  test('what no rule matches is UNIMPLEMENTED, in a head alone with status 200', async () => {
    const { status: told, head, trailers } = await failure('methods.example', '/acme.Other/One');
    expect([told, head[':status'], trailers]).toEqual(['UNIMPLEMENTED', 200, undefined]);
  });
});

test('what a backend says at the end passes, and filters act on the way', async () => {
  const { status: told, head, trailers } = await failure('methods.example', '/acme.Echo/Two');
  const said = { ...head, ...trailers };
  expect([told, decodeURIComponent(String(said['grpc-message'])), said['x-trailer']]).toEqual([
    'FAILED_PRECONDITION',
    'a says no',
    'set',
  ]);
});

test('streams go both ways, and may be closed by halves', async () => {
  const stream = clientOf('methods.example').makeBidiStreamRequest(
    '/acme.Echo/Chat',
    bytes.serialize,
    bytes.deserialize,
  );
  const said: string[] = [];
  const first = Promise.withResolvers<void>();
  stream.on('data', (text: string) => {
    said.push(text);
    first.resolve();
  });
  stream.write('one');
  await first.promise;
  stream.write('two');
  const ended = new Promise((resolve) => stream.on('end', resolve));
  stream.end();
  await ended;
  expect(said).toEqual(['b one', 'b two']);
});

test.each([
  ['one', 'a one'],
  ['two', 'b one'],
])('headers: version %s → %s (GRPCRouteHeaderMatching)', async (version, answer) => {
  expect(await call('headers.example', '/acme.Echo/One', { version })).toBe(answer);
});

test('headers: none that match is UNIMPLEMENTED', async () => {
  expect((await failure('headers.example', '/acme.Echo/One')).status).toBe('UNIMPLEMENTED');
});

test('host names of listener and route decide (GRPCRouteListenerHostnameMatching)', async () => {
  expect(await call('x.host.example', '/acme.Echo/One')).toBe('b one');
  expect((await failure('host.example', '/acme.Echo/One')).status).toBe('UNIMPLEMENTED');
});

test('weights are exact over time (GRPCRouteWeight)', async () => {
  const told: Record<string, number> = {};
  for (let i = 0; i < 12; i++) {
    const answer = (await call('weights.example', '/acme.Echo/One')) ?? '';
    told[answer] = (told[answer] ?? 0) + 1;
  }
  expect(told).toEqual({ 'a one': 9, 'b one': 3 });
});

test.each(['invalid.example', 'empty.example'])('%s: a backend that cannot be called is UNAVAILABLE', async (host) => {
  expect((await failure(host, '/acme.Echo/One')).status).toBe('UNAVAILABLE');
});

test('of an HTTPRoute and a GRPCRoute for one host the older is served', async () => {
  const text = await (await fetch(`${api.adminUrl}/status`)).text();
  expect(text).toContain('the older HTTPRoute default/older is served for the same host names');
  expect((await failure('shared.example', '/acme.Echo/One')).status).toBe('UNAVAILABLE');
});
