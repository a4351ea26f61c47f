// Policies between a client and its backend, through a whole gateway: who is answered what, and what the backend never sees.
import { describe, expect, test } from 'vitest';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';
import { Http2Client, RawClient, ask, startUpstream } from '../../kit/http.ts';

/** A gateway in front of an upstream that counts and echoes, with one policy for everything. */
async function start(policy: object) {
  const bodies: string[] = [];
  const upstream = await startUpstream((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.end(`echo ${body}`);
    });
  });
  const gateway = await startTestGateway(
    [
      `httpBackends: [{ name: up, host: 127.0.0.1, port: ${upstream.port} }]`,
      'httpRoutes: [{ name: site, rules: [{ backendRefs: [{ group: agentgateway.dev, kind: HTTPBackend, name: up }] }] }]',
      `policies: [${JSON.stringify({ name: 'one', ...policy })}]`,
    ].join('\n'),
  );
  return {
    gateway,
    port: Number(new URL(gateway.url).port),
    bodies,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

async function storyOf({ adminUrl }: TestGateway, id: string | undefined): Promise<string> {
  return (await fetch(`${adminUrl}/requests/${id}`)).text();
}

test('directResponse answers, a HEAD without the body, and asks nobody', async () => {
  await using at = await start({
    directResponse: { status: 451, body: 'no', headers: [{ name: 'x-why', value: 'law' }] },
  });
  const answer = await ask(at.port, 'GET / HTTP/1.1');
  expect(answer).toMatchObject({ status: 451, body: 'no' });
  expect([answer.header('x-why'), answer.header('content-type')]).toEqual(['law', 'text/plain; charset=utf-8']);
  const head = await ask(at.port, 'HEAD / HTTP/1.1');
  expect([head.status, head.body]).toEqual([451, '']);
  expect(at.bodies).toEqual([]);
});

test('fault refuses HTTP and gRPC callers, each in its own words', async () => {
  await using at = await start({ fault: { status: 418, grpcStatus: 8 } });
  const answer = await ask(at.port, 'GET / HTTP/1.1');
  expect(answer.status).toBe(418);
  expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'fault-injected' } });
  using client = new Http2Client(at.port);
  const grpc = await client.ask('POST', '/s/M', ['content-type', 'application/grpc'], 'x');
  expect([grpc.status, grpc.header('grpc-status')]).toEqual([200, '8']);
  expect(at.bodies).toEqual([]);
});

describe('delay', () => {
  test('holds a request back, and not for ever', async () => {
    await using at = await start({ delay: { duration: '50ms' } });
    const answer = await ask(at.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(200);
    const line = await at.gateway.line(answer.header('x-request-id')!);
    expect(line['duration']).toBeGreaterThanOrEqual(50);
  });

  test('ends with the client', async () => {
    await using at = await start({ delay: { duration: '10m' } });
    const client = new RawClient(at.port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await expect.poll(() => at.gateway.gateway.store.current.use.users, { timeout: 15_000 }).toBe(1);
    client[Symbol.dispose]();
    await expect.poll(() => at.gateway.lines.map(({ reason }) => reason), { timeout: 15_000 }).toEqual(['client-gone']);
    expect(at.bodies).toEqual([]);
  });
});

describe('buffer', () => {
  test('sends a body on once it is whole', async () => {
    await using at = await start({ buffer: { maxBytes: '8' } });
    using client = new RawClient(at.port);
    client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
    client.send('3\r\ndef\r\n0\r\n\r\n');
    expect((await client.answer()).body).toBe('echo abcdef');
  });

  test.each([
    ['of a length that is told', 'content-length: 9\r\n\r\n'],
    ['that turns out longer', 'transfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n'],
  ])('refuses a body %s with 413, before the backend hears of it', async (_name, rest) => {
    await using at = await start({ buffer: { maxBytes: '8' } });
    using client = new RawClient(at.port);
    client.send(`POST / HTTP/1.1\r\nhost: a\r\n${rest}`);
    expect((await client.answer()).status).toBe(413);
    expect(at.bodies).toEqual([]);
  });
});

describe('csrf', () => {
  test('refuses what other pages send, and lets the own pass', async () => {
    await using at = await start({ csrf: { additionalOrigins: ['https://app.example.com'] } });
    const post = (origin: string) => ask(at.port, `POST / HTTP/1.1\r\norigin: ${origin}\r\ncontent-length: 0`);
    const refused = await post('https://evil.test');
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body)).toMatchObject({ error: { reason: 'origin-forbidden' } });
    expect((await post('https://app.example.com')).status).toBe(200);
    expect((await ask(at.port, 'GET / HTTP/1.1\r\norigin: https://evil.test')).status).toBe(200);
  });

  test('in shadow it only tells', async () => {
    await using at = await start({ csrf: { shadow: true } });
    const answer = await ask(at.port, 'POST / HTTP/1.1\r\norigin: https://evil.test\r\ncontent-length: 0');
    expect(answer.status).toBe(200);
    expect(await storyOf(at.gateway, answer.header('x-request-id'))).toContain('csrf would refuse this request');
  });
});

test.each([
  [{ allow: ['127.0.0.0/8'] }, 200],
  [{ allow: ['10.0.0.0/8'] }, 403],
  [{ deny: ['127.0.0.1'] }, 403],
])('ipAccess %j → %i, before anybody is asked for a key', async (ipAccess, status) => {
  await using at = await start({ ipAccess });
  expect((await ask(at.port, 'GET / HTTP/1.1')).status).toBe(status);
  expect(at.bodies).toHaveLength(status === 200 ? 1 : 0);
});
