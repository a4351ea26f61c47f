// Encoded bodies pass as they are where nobody reads them, also where there is none to read; those that are read are decoded within limits.
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { startTestGateway } from '../../kit/gateway.ts';
import { RawClient, ask, startRawUpstream, startUpstream } from '../../kit/http.ts';
import { request } from 'node:http';

/** A gateway in front of one upstream. */
async function start(port: number, policies: readonly object[] = []) {
  const gateway = await startTestGateway(
    [
      `httpBackends: [{ name: up, host: 127.0.0.1, port: ${port} }]`,
      'httpRoutes: [{ name: site, rules: [{ backendRefs: [{ group: agentgateway.dev, kind: HTTPBackend, name: up }] }] }]',
      `policies: ${JSON.stringify(policies)}`,
    ].join('\n'),
  );
  return { port: Number(new URL(gateway.url).port), [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() };
}

interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Asks with node's own client, which gives the body's bytes. */
function get(port: number, method: string, headers: Record<string, string> = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    request({ port, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

const packed = gzipSync('hello hello hello hello');

describe('nobody reads the body', () => {
  test('bytes, coding, length, validators and vary pass, and accept-encoding is the client’s', async () => {
    const asked: (string | undefined)[] = [];
    await using upstream = await startUpstream((incoming, response) => {
      asked.push(incoming.headers['accept-encoding']);
      response.writeHead(200, {
        'content-encoding': 'gzip',
        'content-length': packed.byteLength,
        etag: '"strong"',
        vary: 'accept-encoding',
      });
      response.end(packed);
    });
    await using at = await start(upstream.port);
    const { headers, body } = await get(at.port, 'GET', { 'accept-encoding': 'br;q=0.1, gzip' });
    expect(body.equals(packed)).toBe(true);
    expect(headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-length': String(packed.byteLength),
      etag: '"strong"',
      vary: 'accept-encoding',
    });
    await get(at.port, 'GET');
    expect(asked).toEqual(['br;q=0.1, gzip', undefined]);
  });

  test('HEAD has the fields of a GET and no body', async () => {
    await using upstream = await startUpstream((_incoming, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 12_345 }).end();
    });
    await using at = await start(upstream.port);
    const answer = await ask(at.port, 'HEAD / HTTP/1.1');
    expect([answer.status, answer.body]).toEqual([200, '']);
    expect([answer.header('content-length'), answer.header('content-encoding')]).toEqual(['12345', 'gzip']);
  });

  test.each([
    [204, {}],
    [304, { etag: '"x"', 'content-encoding': 'gzip' }],
  ])('%i has no body, and the connection goes on', async (status, fields) => {
    await using upstream = await startUpstream((_incoming, response) => response.writeHead(status, fields).end());
    await using at = await start(upstream.port);
    using client = new RawClient(at.port);
    for (let i = 0; i < 2; i++) {
      client.send('GET / HTTP/1.1\r\nhost: a\r\nif-none-match: "x"\r\n\r\n');
      const answer = await client.answer();
      expect([answer.status, answer.body, answer.header('transfer-encoding')]).toEqual([status, '', undefined]);
      for (const [name, value] of Object.entries(fields)) expect(answer.header(name)).toBe(value);
    }
  });

  test('103 passes before the answer', async () => {
    await using upstream = await startRawUpstream((socket) => {
      socket.on('data', () =>
        socket.write(
          'HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
        ),
      );
    });
    await using at = await start(upstream.port);
    const hints: unknown[] = [];
    const body = await new Promise((resolve, reject) => {
      request({ port: at.port, agent: false }, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      })
        .on('information', ({ statusCode, headers }) => hints.push([statusCode, headers['link']]))
        .on('error', reject)
        .end();
    });
    expect([hints, body]).toEqual([[[103, '</a.css>; rel=preload']], 'ok']);
  });

  test('ranges pass both ways', async () => {
    const asked: unknown[] = [];
    await using upstream = await startUpstream(({ headers }, response) => {
      asked.push([headers.range, headers['if-range']]);
      const part = packed.subarray(2, 6);
      response
        .writeHead(206, {
          'content-encoding': 'gzip',
          'content-range': `bytes 2-5/${packed.byteLength}`,
          'content-length': 4,
          'accept-ranges': 'bytes',
        })
        .end(part);
    });
    await using at = await start(upstream.port);
    const { status, headers, body } = await get(at.port, 'GET', { range: 'bytes=2-5', 'if-range': '"x"' });
    expect([status, body.equals(packed.subarray(2, 6))]).toEqual([206, true]);
    expect(headers).toMatchObject({
      'content-range': `bytes 2-5/${packed.byteLength}`,
      'content-encoding': 'gzip',
      'accept-ranges': 'bytes',
    });
    expect(asked).toEqual([['bytes=2-5', '"x"']]);
  });

  test('an encoded request passes as it is', async () => {
    const seen: unknown[] = [];
    await using upstream = await startUpstream((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        seen.push(incoming.headers['content-encoding'], gunzipSync(Buffer.concat(chunks)).toString());
        response.end();
      });
    });
    await using at = await start(upstream.port);
    await post(at.port, packed);
    expect(seen).toEqual(['gzip', 'hello hello hello hello']);
  });
});

function post(port: number, body: Uint8Array): Promise<Got> {
  return new Promise((resolve, reject) => {
    request({ port, method: 'POST', headers: { 'content-encoding': 'gzip' }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end(body);
  });
}

describe('somebody reads the body', () => {
  const reading = [
    {
      name: 'reads',
      transformation: { response: { set: [{ name: 'x-size', expression: 'string(size(response.body))' }] } },
    },
  ];
  const asking = [
    {
      name: 'asks',
      transformation: { request: { set: [{ name: 'x-size', expression: 'string(size(request.body))' }] } },
    },
  ];

  test('an answer is decoded, and its fields say so', async () => {
    await using upstream = await startUpstream((_incoming, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', etag: '"strong"' }).end(packed);
    });
    await using at = await start(upstream.port, reading);
    const { headers, body } = await get(at.port, 'GET', { 'accept-encoding': 'gzip' });
    expect(body.toString()).toBe('hello hello hello hello');
    expect(headers).toMatchObject({ 'x-size': '23', etag: 'W/"strong"', 'content-length': '23' });
    expect(headers['content-encoding']).toBeUndefined();
  });

  test.each([
    ['HEAD', 200, { 'content-encoding': 'gzip', 'content-length': '99' }],
    ['GET', 304, { 'content-encoding': 'gzip', etag: '"x"' }],
    ['GET', 204, {}],
  ])('%s answered %i, which has none, keeps its fields', async (method, status, fields) => {
    await using upstream = await startUpstream((_incoming, response) => response.writeHead(status, fields).end());
    await using at = await start(upstream.port, reading);
    const answer = await get(at.port, method);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ ...fields, 'x-size': '0' });
  });

  const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024));

  test('an answer that decodes to far more than it is, is refused by the name of the limit', async () => {
    await using upstream = await startUpstream((_incoming, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    await using at = await start(upstream.port, reading);
    const { status, body } = await get(at.port, 'GET');
    expect(status).toBe(502);
    expect(JSON.parse(body.toString())).toMatchObject({ error: { reason: 'response-too-large' } });
    expect(body.toString()).toContain('decodes to more than 256 bytes for each of its own');
  });

  test('and so is a request, before the backend hears of it', async () => {
    let count = 0;
    await using upstream = await startUpstream((_incoming, response) => {
      count++;
      response.end();
    });
    await using at = await start(upstream.port, asking);
    const { status, body } = await post(at.port, bomb);
    expect([status, count]).toEqual([413, 0]);
    expect(JSON.parse(body.toString())).toMatchObject({ error: { reason: 'request-too-large' } });
  });
});
