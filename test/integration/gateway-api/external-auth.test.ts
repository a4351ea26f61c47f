// Asking a server whether a request may pass, over HTTP and over ext_authz in gRPC (GEP-1494).
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { field } from '@agentgateway/proxy/snapshot/fixture.ts';
import type { TestGateway } from '../../kit/gateway.ts';
import { type Upstream, startRawUpstream, startUpstream } from '../../kit/http.ts';
import { type Echo, ask, gateway, httpRoutes, ref, service, startApi, startEcho } from './kit.ts';

let main: Echo;
let http: Upstream;
let mute: Upstream;
let grpc: { server: Server; port: number };
let api: TestGateway;
/** What the servers were asked. */
const asked: { path: string; method: string; headers: Record<string, unknown>; body: string }[] = [];
const checks: Buffer[] = [];

/** The content of a length-delimited field, down a path of field numbers (Protocol Buffers encoding). */
function contentOf(bytes: Buffer, [number, ...rest]: readonly number[]): Buffer | undefined {
  if (number === undefined) return bytes;
  for (let at = 0; at < bytes.length;) {
    const [tag, afterTag] = varint(bytes, at);
    const [value, afterValue] = varint(bytes, afterTag);
    const end = (tag & 7) === 2 ? afterValue + value : afterValue;
    if (tag >> 3 === number) return contentOf(bytes.subarray(afterValue, end), rest);
    at = end;
  }
  return undefined;
}

function varint(bytes: Buffer, at: number): [number, number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
}

const header = (key: string, value: string): Uint8Array => field(1, Buffer.concat([field(1, key), field(2, value)]));

/** A CheckResponse as Envoy's servers write it: allowed for /ok, else refused. */
function toCheckResponse(check: Buffer): Buffer {
  if (contentOf(check, [1, 4, 2, 4])?.toString().startsWith('/grpc/ok'))
    return Buffer.concat([
      field(1, ''),
      field(
        3,
        Buffer.concat([field(2, header('x-user', 'ada')), field(5, 'x-gone'), field(6, header('x-checked', 'yes'))]),
      ),
    ]);
  const status = Buffer.from([0x08, 0x07]);
  const code = Buffer.from([0x08, 0x91, 0x03]);
  return Buffer.concat([
    field(1, status),
    field(2, Buffer.concat([field(1, code), field(2, header('www-authenticate', 'Bearer')), field(3, 'who are you')])),
  ]);
}

async function startGrpc(): Promise<{ server: Server; port: number }> {
  const server = new Server();
  const raw = { serialize: (bytes: Buffer) => bytes, deserialize: (bytes: Buffer) => bytes };
  const definition = {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: raw.serialize,
    requestDeserialize: raw.deserialize,
    responseSerialize: raw.serialize,
    responseDeserialize: raw.deserialize,
  };
  server.addService(
    { check: definition },
    {
      check: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => {
        checks.push(call.request);
        done(null, toCheckResponse(call.request));
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

const rule = (path: string, externalAuth: object, more: readonly object[] = []) => ({
  matches: [{ path: { type: 'PathPrefix', value: path } }],
  filters: [{ type: 'ExternalAuth', externalAuth }, ...more],
  backendRefs: [ref('main')],
});

beforeAll(async () => {
  main = await startEcho('main');
  http = await startUpstream((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      asked.push({ path: request.url ?? '', method: request.method ?? '', headers: request.headers, body });
      const isOk = request.headers.authorization === 'Bearer good';
      response.writeHead(isOk ? 200 : request.headers.authorization === 'Bearer broken' ? 500 : 401, {
        ...(request.headers['x-token'] !== 'anonymous' && { 'x-user': 'ada' }),
        'x-other': 'more',
        'content-type': 'text/plain',
      });
      response.end(isOk ? 'ignored' : 'who are you');
    });
  });
  mute = await startRawUpstream((socket) => socket.destroy());
  grpc = await startGrpc();
  api = await startApi(
    gateway(),
    ...[
      ['main', main.port],
      ['http', http.port],
      ['mute', mute.port],
      ['grpc', grpc.port],
    ].map(([name, port]) => service(name as string, port as number)),
    httpRoutes('r', [
      rule('/http', {
        protocol: 'HTTP',
        backendRef: ref('http'),
        http: { path: '/auth', allowedHeaders: ['X-Token'], allowedResponseHeaders: ['X-User'] },
      }),
      rule('/all', { protocol: 'HTTP', backendRef: ref('http'), forwardBody: { maxSize: 10 } }, [
        { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/rewritten' } } },
      ]),
      rule('/mute', { protocol: 'HTTP', backendRef: ref('mute') }),
      rule('/gone', { protocol: 'HTTP', backendRef: ref('gone') }),
      rule('/grpc', { protocol: 'GRPC', backendRef: ref('grpc'), forwardBody: { maxSize: 100 } }),
    ]),
  );
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  grpc.server.forceShutdown();
  await Promise.all([main, http, mute].map((one) => one[Symbol.asyncDispose]()));
});

describe('over HTTP', () => {
  const good = ['authorization', 'Bearer good'] as const;

  test('200 lets a request pass, with what the server sets and nobody else may', async () => {
    const { got } = await ask(api, '/http/x?y=1', {
      method: 'PUT',
      body: 'body',
      headers: [good, ['x-token', 't'], ['x-secret', 's'], ['x-user', 'mallory'], ['x-other', 'own']],
    });
    expect(got).toMatchObject({ method: 'PUT', path: '/http/x?y=1', body: 'body' });
    expect(got?.headers).toMatchObject({ 'x-user': 'ada', 'x-other': 'own' });
    const { path, method, headers, body } = asked.at(-1)!;
    expect([method, path, body]).toEqual(['PUT', '/auth/http/x?y=1', '']);
    expect(headers).toMatchObject({ host: 'example.com', authorization: 'Bearer good', 'x-token': 't' });
    expect(headers).not.toHaveProperty('x-secret');
    expect(headers).not.toHaveProperty('x-user');
  });

  test('what the server did not set nobody has set', async () => {
    const headers = [good, ['x-token', 'anonymous'], ['x-user', 'mallory']] as const;
    expect((await ask(api, '/http', { headers })).got?.headers).not.toHaveProperty('x-user');
  });

  test('any other answer is the client’s, and the backend is not asked', async () => {
    const before = main.received.length;
    const { status, body, header: get } = await ask(api, '/http');
    expect([status, body, get('x-other')]).toEqual([401, 'who are you', 'more']);
    expect(main.received.length).toBe(before);
  });

  test('all that the answer says passes where nothing is listed; a body goes along, and one too long is refused', async () => {
    const { got } = await ask(api, '/all', {
      method: 'POST',
      body: '0123456789',
      headers: [good, ['content-type', 'a/b']],
    });
    expect(got).toMatchObject({ path: '/rewritten', body: '0123456789' });
    expect(got?.headers).toMatchObject({ 'x-user': 'ada', 'x-other': 'more', 'content-type': 'a/b' });
    expect(asked.at(-1)).toMatchObject({ path: '/all', body: '0123456789' });
    expect((await ask(api, '/all', { method: 'POST', body: '01234567890', headers: [good] })).status).toBe(413);
  });

  test.each([
    ['/http', [['authorization', 'Bearer broken']], 502, 'a server that fails'],
    ['/mute', [], 502, 'a server that breaks connections'],
    ['/gone', [], 500, 'a server that does not exist'],
  ] as const)('%s %j → %i: %s lets nobody pass', async (...[path, headers, status]) => {
    const before = main.received.length;
    expect((await ask(api, path, { headers })).status).toBe(status);
    expect(main.received.length).toBe(before);
  });
});

describe('over gRPC', () => {
  test('an allowed request passes, changed as the server says', async () => {
    const { got, header: get } = await ask(api, '/grpc/ok?a=b', {
      method: 'POST',
      body: 'hello',
      headers: [['x-gone', '1']],
    });
    expect(got?.headers).toMatchObject({ 'x-user': 'ada' });
    expect(got?.headers).not.toHaveProperty('x-gone');
    expect(got?.body).toBe('hello');
    expect(get('x-checked')).toBe('yes');
    const check = checks.at(-1)!;
    const text = (...path: number[]): string | undefined => contentOf(check, [1, 4, 2, ...path])?.toString();
    expect([text(2), text(4), text(5), text(6), text(10), text(12)]).toEqual([
      'POST',
      '/grpc/ok?a=b',
      'example.com',
      'http',
      'HTTP/1.1',
      'hello',
    ]);
    expect(contentOf(check, [1, 1, 1, 1, 2])?.toString()).toBe('127.0.0.1');
  });

  test('a refused one is answered as the server says', async () => {
    const { status, body, header: get } = await ask(api, '/grpc/no');
    expect([status, body, get('www-authenticate')]).toEqual([401, 'who are you', 'Bearer']);
  });
});
