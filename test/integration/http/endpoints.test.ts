// Which endpoint is asked and what it is told: sessions, keys, hosts, health, through a whole gateway.
import type { IncomingMessage } from 'node:http';
import { writeFileSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';
import { type Upstream, ask, startHttp2Upstream, startUpstream } from '../../kit/http.ts';

interface Answering {
  readonly status?: number;
  readonly seen?: (request: IncomingMessage) => void;
}

/** An upstream that says its name. */
function named(name: string, { status = 200, seen }: Answering = {}): Promise<Upstream> {
  return startUpstream((request, response) => {
    seen?.(request);
    request.resume();
    response.writeHead(status).end(name);
  });
}

interface Config {
  readonly endpoints: readonly number[];
  readonly policies?: readonly object[];
  readonly more?: Record<string, unknown>;
}

function toText({ endpoints, policies = [], more }: Config): string {
  const config = {
    services: [
      { name: 'api', ports: [{ port: 80 }], endpoints: endpoints.map((port) => ({ address: '127.0.0.1', port })) },
    ],
    httpRoutes: [{ name: 'site', rules: [{ name: 'main', backendRefs: [{ name: 'api', port: 80 }] }] }],
    policies,
    ...more,
  };
  return Object.entries(config)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join('\n');
}

function service(name: string, port: number): object {
  return { name, ports: [{ port: 80 }], endpoints: [{ address: '127.0.0.1', port }] };
}

const start = (config: Config): Promise<TestGateway> => startTestGateway(toText(config));
const portOf = ({ url }: TestGateway): number => Number(new URL(url).port);
/** However slow the machine is. */
const patient = { timeout: 15_000 };
const onService = [{ group: '', kind: 'Service', name: 'api' }];

async function bodies(gateway: TestGateway, count: number, head = 'GET / HTTP/1.1'): Promise<string[]> {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) answers.push((await ask(portOf(gateway), head)).body);
  return answers;
}

/** Writes another configuration, and waits until it is served. */
async function reload(gateway: TestGateway, config: Config): Promise<void> {
  const { generation } = gateway.gateway.store.current;
  const text = readFileSync(gateway.file, 'utf8');
  writeFileSync(gateway.file, `${text.slice(0, text.indexOf('services:'))}${toText(config)}`);
  await expect.poll(() => gateway.gateway.store.current.generation, patient).toBeGreaterThan(generation);
}

describe('sessions', () => {
  const policies = [{ name: 'sticky', sessionAffinity: { persistence: { sessionName: 'sid' } } }];

  test('a cookie keeps a client at its endpoint, and is rewritten when the endpoint is gone', async () => {
    await using a = await named('a');
    await using b = await named('b');
    await using gateway = await start({ endpoints: [a.port, b.port], policies });
    const first = await ask(portOf(gateway), 'GET / HTTP/1.1');
    const cookie = first.header('set-cookie')!;
    expect(cookie).toMatch(/^sid=[\w-]+; Path=\/; HttpOnly; SameSite=Lax$/);
    const head = `GET / HTTP/1.1\r\ncookie: ${cookie.split(';')[0]}`;
    expect(new Set(await bodies(gateway, 6, head))).toEqual(new Set([first.body]));
    expect((await ask(portOf(gateway), head)).header('set-cookie')).toBeUndefined();
    // Without the cookie both have their turn.
    expect(new Set(await bodies(gateway, 4)).size).toBe(2);
    const left = first.body === 'a' ? b : a;
    await reload(gateway, { endpoints: [left.port], policies });
    const moved = await ask(portOf(gateway), head);
    expect(moved).toMatchObject({ status: 200, body: first.body === 'a' ? 'b' : 'a' });
    expect(moved.header('set-cookie')).toMatch(/^sid=/);
  });

  test('a session goes before weights', async () => {
    await using a = await named('a');
    await using b = await named('b');
    const backendRefs = [
      { name: 'a', port: 80, weight: 1 },
      { name: 'b', port: 80, weight: 3 },
    ];
    const more = {
      services: [service('a', a.port), service('b', b.port)],
      httpRoutes: [{ name: 'site', rules: [{ backendRefs }] }],
    };
    await using gateway = await start({ endpoints: [], policies, more });
    let answer = await ask(portOf(gateway), 'GET / HTTP/1.1');
    while (answer.body !== 'a') answer = await ask(portOf(gateway), 'GET / HTTP/1.1');
    const head = `GET / HTTP/1.1\r\ncookie: ${answer.header('set-cookie')!.split(';')[0]}`;
    expect(new Set(await bodies(gateway, 8, head))).toEqual(new Set(['a']));
  });

  test('a rule’s own sessionPersistence does the same, by a header', async () => {
    await using a = await named('a');
    await using b = await named('b');
    const rule = {
      backendRefs: [{ name: 'api', port: 80 }],
      sessionPersistence: { type: 'Header', sessionName: 'x-session' },
    };
    const more = { httpRoutes: [{ name: 'site', rules: [rule] }] };
    await using gateway = await start({ endpoints: [a.port, b.port], more });
    const first = await ask(portOf(gateway), 'GET / HTTP/1.1');
    const mark = first.header('x-session')!;
    expect(first.header('set-cookie')).toBeUndefined();
    expect(new Set(await bodies(gateway, 6, `GET / HTTP/1.1\r\nx-session: ${mark}`))).toEqual(new Set([first.body]));
  });

  test('equal values of a header meet at one endpoint', async () => {
    await using a = await named('a');
    await using b = await named('b');
    const byUser = [{ name: 'by-user', sessionAffinity: { header: 'X-User' } }];
    await using gateway = await start({ endpoints: [a.port, b.port], policies: byUser });
    const places = new Set<string>();
    for (let user = 0; user < 12; user++) {
      const answers = new Set(await bodies(gateway, 3, `GET / HTTP/1.1\r\nx-user: ${user}`));
      expect(answers.size).toBe(1);
      for (const place of answers) places.add(place);
    }
    expect(places.size).toBe(2);
  });
});

describe('endpoints that go', () => {
  test('finish what they were asked, and are asked nothing new', async () => {
    const arrived = Promise.withResolvers<() => void>();
    await using leaving = await startUpstream((request, response) => {
      if (request.url === '/long') arrived.resolve(() => void response.end('finished'));
      else response.end('leaving');
    });
    await using staying = await named('staying');
    await using gateway = await start({ endpoints: [leaving.port] });
    const long = ask(portOf(gateway), 'GET /long HTTP/1.1');
    const finish = await arrived.promise;
    await reload(gateway, { endpoints: [staying.port] });
    expect(new Set(await bodies(gateway, 4))).toEqual(new Set(['staying']));
    finish();
    expect(await long).toMatchObject({ status: 200, body: 'finished', isWhole: true });
  });

  test('what is known of those that stay outlives the change', async () => {
    await using good = await named('good');
    await using bad = await named('bad', { status: 500 });
    await using added = await named('added');
    const passive = { consecutiveFailures: 1, ejectionTime: '1h', maxEjectionTime: '1h' };
    const policies = [{ name: 'health', targetRefs: onService, health: { passive } }];
    await using gateway = await start({ endpoints: [good.port, bad.port], policies });
    await bodies(gateway, 4);
    await reload(gateway, { endpoints: [good.port, bad.port, added.port], policies });
    expect(new Set(await bodies(gateway, 9))).toEqual(new Set(['good', 'added']));
  });
});

describe('hostRewrite', () => {
  test.each([
    [undefined, '', 'test'],
    [{ auto: {} }, '', 'api.default.svc'],
    [{ hostname: 'inner.test' }, '', 'inner.test'],
    [{ header: 'x-host' }, '\r\nx-host: Asked.test:81', 'asked.test:81'],
    [{ header: 'x-host' }, '', 'test'],
    [{ header: 'x-host' }, '\r\nx-host: a b', 'test'],
  ])('%j %j → %s', async (hostRewrite, fields, host) => {
    const hosts: (string | undefined)[] = [];
    await using a = await named('a', { seen: ({ headers }) => hosts.push(headers.host) });
    const policies = hostRewrite ? [{ name: 'host', targetRefs: onService, hostRewrite }] : [];
    await using gateway = await start({ endpoints: [a.port], policies });
    await ask(portOf(gateway), `GET / HTTP/1.1${fields}`);
    expect(hosts).toEqual([host]);
  });
});

describe('health', () => {
  test('an endpoint that fails several times in a row is left alone', async () => {
    await using good = await named('good');
    await using bad = await named('bad', { status: 500 });
    const passive = { consecutiveFailures: 2, ejectionTime: '1h', maxEjectionTime: '1h' };
    const policies = [{ name: 'health', targetRefs: onService, health: { passive } }];
    await using gateway = await start({ endpoints: [good.port, bad.port], policies });
    const answers = await bodies(gateway, 12);
    expect(answers.filter((body) => body === 'bad')).toHaveLength(2);
    expect(gateway.messages).toContain('an endpoint that failed several times in a row is left alone for a while');
  });

  test.each([{ request: '100ms' }, { backendRequest: '100ms' }])(
    'an endpoint that lets %j pass has failed',
    async (timeouts) => {
      await using good = await named('good');
      await using silent = await startUpstream((request) => void request.resume());
      const passive = { consecutiveFailures: 1, ejectionTime: '1h', maxEjectionTime: '1h' };
      const policies = [{ name: 'health', targetRefs: onService, health: { passive }, timeouts }];
      await using gateway = await start({ endpoints: [silent.port, good.port], policies });
      const statuses: number[] = [];
      for (let i = 0; i < 6; i++) statuses.push((await ask(portOf(gateway), 'GET / HTTP/1.1')).status);
      // Endpoints are in the order of their ports.
      expect(statuses.toSorted((x, y) => x - y)).toEqual([200, 200, 200, 200, 200, 504]);
    },
  );

  test('with panicThreshold 0 nothing is asked when nothing is well', async () => {
    await using bad = await named('bad', { status: 500 });
    const passive = { consecutiveFailures: 1, ejectionTime: '1h', maxEjectionTime: '1h' };
    const policies = [{ name: 'health', targetRefs: onService, health: { passive, panicThreshold: 0 } }];
    await using gateway = await start({ endpoints: [bad.port], policies });
    expect((await ask(portOf(gateway), 'GET / HTTP/1.1')).status).toBe(500);
    expect((await ask(portOf(gateway), 'GET / HTTP/1.1')).status).toBe(503);
  });
});

/** The endpoints' ports, and how they are. */
async function statesOf(gateway: TestGateway): Promise<Record<string, string>> {
  const status = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as {
    endpoints: Record<string, { endpoints: { address: string; state: string }[] }[]>;
  };
  const [port] = status.endpoints['service/default/api']!;
  return Object.fromEntries(port!.endpoints.map(({ address, state }) => [address.split(':')[1]!, state]));
}

describe('active checks', () => {
  const times = { interval: '100ms', timeout: '5s', healthyThreshold: 1, unhealthyThreshold: 2 };
  const checking = (check: object): object[] => [
    { name: 'health', targetRefs: onService, health: { active: { ...times, ...check } } },
  ];

  test('over HTTP: an endpoint that says it is not well is not asked until it says that it is', async () => {
    let isWell = false;
    const paths = new Set<string>();
    await using a = await named('a');
    await using b = await startUpstream((request, response) => {
      paths.add(`${request.method} ${request.url} ${request.headers.host}`);
      response.writeHead(request.url === '/healthz?deep' && !isWell ? 503 : 204).end();
    });
    const http = { path: '/healthz?deep', host: 'check.test', expectedStatuses: ['200-299'] };
    await using gateway = await start({ endpoints: [a.port, b.port], policies: checking({ http }) });
    await expect.poll(() => statesOf(gateway), patient).toEqual({ [a.port]: 'healthy', [b.port]: 'unhealthy' });
    expect(paths).toContain('GET /healthz?deep check.test');
    expect(new Set(await bodies(gateway, 6))).toEqual(new Set(['a']));
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    expect(metrics).toContain('agentgateway_endpoints{backend="service/default/api",port="80",state="unhealthy"} 1');
    expect(gateway.messages).toContain('an endpoint is not well by its health check');
    isWell = true;
    await expect.poll(() => statesOf(gateway), patient).toEqual({ [a.port]: 'healthy', [b.port]: 'healthy' });
    expect(new Set(await bodies(gateway, 4)).size).toBe(2);
  });

  test('by a connection alone', async () => {
    await using a = await named('a');
    const gone = await named('gone');
    const { port } = gone;
    await gone[Symbol.asyncDispose]();
    await using gateway = await start({ endpoints: [a.port, port], policies: checking({ tcp: {} }) });
    await expect.poll(() => statesOf(gateway), patient).toEqual({ [a.port]: 'healthy', [port]: 'unhealthy' });
  });

  test('by grpc.health.v1', async () => {
    const asked: string[] = [];
    const grpc = (status: number): Promise<Upstream> =>
      startHttp2Upstream((stream, headers) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          asked.push(`${headers[':path']} ${Buffer.concat(chunks).toString('hex')}`);
          stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
          stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
          stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
        });
      });
    await using well = await grpc(1);
    await using unwell = await grpc(2);
    const services = [
      {
        name: 'api',
        ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }],
        endpoints: [well.port, unwell.port].map((port) => ({ address: '127.0.0.1', port })),
      },
    ];
    const policies = checking({ grpc: { service: 'a.B' } });
    await using gateway = await start({ endpoints: [], policies, more: { services } });
    await expect.poll(() => statesOf(gateway), patient).toEqual({ [well.port]: 'healthy', [unwell.port]: 'unhealthy' });
    // A frame of five bytes and the field `service`.
    expect(asked[0]).toBe('/grpc.health.v1.Health/Check 00000000050a03612e42');
  });

  test('end with the policy, and what they found with them', async () => {
    let count = 0;
    await using b = await startUpstream((_request, response) => {
      count++;
      response.writeHead(503).end();
    });
    await using gateway = await start({ endpoints: [b.port], policies: checking({ http: {} }) });
    await expect.poll(() => statesOf(gateway), patient).toEqual({ [b.port]: 'unhealthy' });
    await reload(gateway, { endpoints: [b.port] });
    await expect.poll(() => statesOf(gateway), patient).toEqual({ [b.port]: 'healthy' });
    const before = count;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(count).toBe(before);
  });
});
