// Whose request it is, where a proxy in front says so before the first byte of HTTP (haproxy's PROXY protocol).
import { describe, expect, test } from 'vitest';
import { startTestGateway } from '../../kit/gateway.ts';
import { RawClient, ask, startRawUpstream, startUpstream } from '../../kit/http.ts';

/** A gateway that reads PROXY protocol headers, in front of an upstream that tells who was forwarded for. */
async function open(policy: string) {
  const upstream = await startUpstream((request, response) => response.end(request.headers['x-forwarded-for']));
  const gateway = await startTestGateway(`
gateways: [{ name: edge, listeners: [{ name: http, port: PORT }] }]
httpBackends: [{ name: up, host: 127.0.0.1, port: ${upstream.port} }]
httpRoutes: [{ name: all, rules: [{ backendRefs: [{ group: agentgateway.dev, kind: HTTPBackend, name: up }] }] }]
policies: [{ name: balancer, targetRefs: [{ kind: Gateway, name: edge }], proxyProtocol: ${policy} }]
`);
  return {
    port: Number(new URL(gateway.url).port),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const version1 = 'PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\n';
const version2 = Buffer.concat([
  Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
  Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 2, 198, 51, 100, 1, 0x12, 0x67, 0, 80]),
]);

describe('a listener that takes the PROXY protocol', () => {
  test.each([
    ['version 1', version1, '192.0.2.1'],
    ['version 2', version2.toString('latin1'), '192.0.2.2'],
    ['UNKNOWN', 'PROXY UNKNOWN\r\n', '127.0.0.1'],
  ])('believes %s, for every request of the connection', async (_name, header, address) => {
    await using gateway = await open('{ client: Required }');
    using client = new RawClient(gateway.port);
    client.send(header + request);
    expect((await client.answer()).body).toBe(address);
    client.send(request);
    expect((await client.answer()).body).toBe(address);
  });

  test('closes connections without a header where one is required, unanswered', async () => {
    await using gateway = await open('{ client: Required }');
    using client = new RawClient(gateway.port);
    client.send(request);
    await client.ended();
    expect(client.pending).toBe('');
  });

  test('takes both where it is optional, and the word of the trusted alone', async () => {
    await using gateway = await open('{ client: Optional, trusted: [10.0.0.0/8] }');
    using plain = new RawClient(gateway.port);
    plain.send(request);
    expect((await plain.answer()).body).toBe('127.0.0.1');
    using doubted = new RawClient(gateway.port);
    doubted.send(version1 + request);
    expect((await doubted.answer()).status).toBe(400);
  });

  test('reads a header that comes byte by byte', async () => {
    await using gateway = await open('{ client: Required }');
    using client = new RawClient(gateway.port);
    for (const byte of version1 + request) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.answer()).body).toBe('192.0.2.1');
  });
});

/** An upstream that answers each request with the first line of its connection. */
async function openBehind(version: 'V1' | 'V2', protocol = 'HTTP1') {
  const upstream = await startRawUpstream((socket) => {
    let header: Buffer | undefined;
    socket.on('data', (bytes: Buffer) => {
      header ??= bytes.subarray(0, version === 'V1' ? bytes.indexOf('\r\n') : 28);
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${2 * header.byteLength}\r\n\r\n${header.toString('hex')}`);
    });
  });
  const gateway = await startTestGateway(`
gateways: [{ name: edge, listeners: [{ name: http, port: PORT }] }]
httpBackends: [{ name: up, host: 127.0.0.1, port: ${upstream.port}, protocol: ${protocol} }]
httpRoutes: [{ name: all, rules: [{ backendRefs: [{ group: agentgateway.dev, kind: HTTPBackend, name: up }] }] }]
policies: [{ name: tell, targetRefs: [{ group: agentgateway.dev, kind: HTTPBackend, name: up }], proxyProtocol: { backend: ${version} } }]
`);
  return {
    upstream,
    port: Number(new URL(gateway.url).port),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

describe('a backend that is told whose connection it is', () => {
  test('gets version 1 before the first request, and shares no connection among clients', async () => {
    await using gateway = await openBehind('V1');
    const told: string[] = [];
    for (let i = 0; i < 2; i++) {
      using client = new RawClient(gateway.port);
      for (let j = 0; j < 2; j++) {
        client.send(request);
        told.push(Buffer.from((await client.answer()).body, 'hex').toString());
      }
      expect(told.at(-1)).toBe(`PROXY TCP4 127.0.0.1 127.0.0.1 ${client.socket.localPort} ${gateway.port}`);
    }
    expect(new Set(told).size).toBe(2);
    expect(gateway.upstream.connections).toBe(2);
  });

  test('gets version 2', async () => {
    await using gateway = await openBehind('V2');
    using client = new RawClient(gateway.port);
    client.send(request);
    const header = Buffer.from((await client.answer()).body, 'hex');
    expect(header.subarray(0, 12).toString('latin1')).toBe('\r\n\r\n\0\r\nQUIT\n');
    expect([...header.subarray(12, 24)]).toEqual([0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]);
    expect(header.readUInt16BE(24)).toBe(client.socket.localPort);
  });

  test('over HTTP/2 is refused, for its connections are shared', async () => {
    await using gateway = await openBehind('V2', 'HTTP2');
    const answer = await ask(gateway.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(500);
    expect(answer.body).toContain('PROXY protocol');
  });
});
