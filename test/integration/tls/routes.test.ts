// TLSRoutes that end TLS or pass it, beside HTTPS on one port, and the PROXY protocol before TLS.
import { once } from 'node:events';
import { type TLSSocket, createServer } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { gateway, httpRoute, manifests, ref, service, startEcho } from '../gateway-api/kit.ts';
import { dial, nextOf, readAll, serveEcho, serveTcp } from '../tunnel/peers.ts';
import {
  askTls,
  authority,
  certificateSecret,
  commonNameOf,
  describeTls,
  dialHttp2,
  dialTls,
  askHttp2,
  https,
  portOf,
  startTls,
} from './kit.ts';

function tlsRoute(name: string, sectionName: string, hostnames: readonly string[], backend = name): string {
  return manifests({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'TLSRoute',
    metadata: { name, namespace: 'default' },
    spec: { parentRefs: [{ name: 'g', sectionName }], hostnames, rules: [{ backendRefs: [ref(backend)] }] },
  });
}

const terminating = (name: string, hostname: string, secret = name): object => ({
  name,
  protocol: 'TLS',
  hostname,
  tls: { mode: 'Terminate', certificateRefs: [{ name: secret }] },
});
const passing = (name: string, hostname: string): object => ({
  name,
  protocol: 'TLS',
  hostname,
  tls: { mode: 'Passthrough' },
});
const secretFor = (name: string, host: string): string =>
  certificateSecret(name, authority.issue(name, { names: [host] }));

/** A backend that speaks TLS itself, with a certificate of its own. */
async function serveTls(name: string, host: string): Promise<number> {
  const server = createServer(authority.issue(name, { names: [host] }), (socket) => {
    socket.on('error', () => {});
    socket.end(`${name} inside`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

/** All that is said inside, after this is said. */
function converse(socket: TLSSocket, text: string): Promise<string> {
  const said = readAll(socket);
  socket.end(text);
  return said;
}

describeTls('TLSRouteModeTerminate', () => {
  test('TLSRouteTerminateSimpleSameNamespace: TLS ends at the gateway with the listener’s certificate, and what is inside goes on as TCP', async () => {
    const port = await serveEcho('plain');
    const api = await startTls(
      gateway([terminating('a', 'a.test'), terminating('wild', '*.wild.test')]),
      tlsRoute('to-a', 'a', ['a.test'], 'plain'),
      tlsRoute('to-wild', 'wild', ['x.wild.test'], 'plain'),
      service('plain', port),
      secretFor('a', 'a.test') + secretFor('wild', '*.wild.test'),
    );
    for (const [host, shown] of [
      ['a.test', 'a'],
      ['x.wild.test', 'wild'],
    ] as const) {
      const socket = await dialTls(portOf(api), host);
      expect(commonNameOf(socket)).toBe(shown);
      expect(await converse(socket, 'hello')).toBe('plain hello');
    }
    await expect.poll(() => api.lines).toHaveLength(2);
    expect(api.lines[0]).toMatchObject({
      route: 'tlsroute/default/to-a',
      backend: 'service/default/plain',
      protocol: 'tls',
      'tls.sni': 'a.test',
      'bytes.received': 5,
      'bytes.sent': 11,
    });
  });

  test('a server that speaks first is heard before the client says anything', async () => {
    const api = await startTls(
      gateway([terminating('a', 'a.test')]),
      tlsRoute('to-a', 'a', ['a.test'], 'banner'),
      service('banner', await serveTcp((socket) => socket.write('220 ready\r\n'))),
      secretFor('a', 'a.test'),
    );
    expect(await nextOf(await dialTls(portOf(api), 'a.test'))).toBe('220 ready\r\n');
  });

  test('TLSRouteHostnameIntersection: a host without a route and a backend that does not exist break the connection', async () => {
    const api = await startTls(
      gateway([terminating('wild', '*.test')]),
      tlsRoute('gone', 'wild', ['gone.test'], 'nowhere'),
      secretFor('wild', '*.test'),
    );
    for (const host of ['gone.test', 'unrouted.test']) {
      const socket = await dialTls(portOf(api), host);
      if (!socket.destroyed) await once(socket, 'close');
    }
    await expect.poll(() => api.lines.map(({ reason }) => reason)).toEqual(['backend-invalid', 'route-not-found']);
  });

  test('a gateway that ends lets connections go on, and breaks them at the deadline', async () => {
    const api = await startTls(
      gateway([terminating('a', 'a.test')]),
      tlsRoute('to-a', 'a', ['a.test'], 'plain'),
      service('plain', await serveEcho('plain')),
      secretFor('a', 'a.test'),
    );
    const ending = await dialTls(portOf(api), 'a.test');
    const staying = await dialTls(portOf(api), 'a.test');
    expect([await nextOf(ending), await nextOf(staying)]).toEqual(['plain ', 'plain ']);
    const closed = once(staying, 'close');
    const drained = api.gateway.drain(1000);
    expect(await converse(ending, 'still here')).toBe('still here');
    await closed;
    await drained;
    expect(api.lines.map(({ reason }) => reason)).toEqual([undefined, 'draining']);
  });

  test('much goes through, whole, both ways', async () => {
    const api = await startTls(
      gateway([terminating('a', 'a.test')]),
      tlsRoute('to-a', 'a', ['a.test'], 'echo'),
      service('echo', await serveEcho('')),
      secretFor('a', 'a.test'),
    );
    const text = 'x'.repeat(3_000_000);
    expect(await converse(await dialTls(portOf(api), 'a.test'), text)).toBe(` ${text}`);
  });
});

describeTls('TLSRouteModeMixed', () => {
  test('one port passes, ends and serves HTTPS, told apart by SNI', async () => {
    const echo = await startEcho('web');
    onTestFinished(() => echo[Symbol.asyncDispose]());
    const api = await startTls(
      gateway([
        terminating('ends', 'ends.test'),
        passing('passes', 'passes.test'),
        https(['web'], { name: 'web', hostname: 'web.test' }),
      ]),
      tlsRoute('to-plain', 'ends', ['ends.test'], 'plain'),
      tlsRoute('to-tls', 'passes', ['passes.test'], 'tls'),
      httpRoute('r', { parentRefs: [{ name: 'g', sectionName: 'web' }], rules: [{ backendRefs: [ref('web')] }] }),
      service('plain', await serveEcho('plain')) +
        service('tls', await serveTls('backend', 'passes.test')) +
        service('web', echo.port),
      secretFor('ends', 'ends.test') + secretFor('web', 'web.test'),
    );
    const port = portOf(api);
    const ended = await dialTls(port, 'ends.test');
    expect([commonNameOf(ended), await converse(ended, 'x')]).toEqual(['ends', 'plain x']);
    const passed = await dialTls(port, 'passes.test');
    expect([commonNameOf(passed), await readAll(passed)]).toEqual(['backend', 'backend inside']);
    expect(await askTls(port, 'web.test')).toMatchObject({ shown: 'web', status: 200 });
    // What is not HTTP's is no other listener's host: nothing is misdirected.
    expect((await askTls(port, 'web.test', { host: 'passes.test' })).status).toBe(404);
  });
});

describeTls('the PROXY protocol before TLS', () => {
  test('HTTPS: the header’s client is the backend’s, over either version of HTTP', async () => {
    const echo = await startEcho('echo');
    onTestFinished(() => echo[Symbol.asyncDispose]());
    const policy = manifests({
      apiVersion: 'agentgateway.dev/v1alpha1',
      kind: 'Policy',
      metadata: { name: 'proxied', namespace: 'default' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'g' }],
        proxyProtocol: { client: 'Required', trusted: ['127.0.0.0/8'] },
      },
    });
    const api = await startTls(
      gateway([https(['own'])]),
      policy,
      httpRoute('r', { rules: [{ backendRefs: [ref('echo')] }] }),
      service('echo', echo.port),
      secretFor('own', 'a.test'),
    );
    const announced = async () => {
      const socket = dial(portOf(api));
      await once(socket, 'connect');
      socket.write('PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n');
      return socket;
    };
    expect((await askTls(portOf(api), 'a.test', { socket: await announced() })).status).toBe(200);
    const tls = await dialTls(portOf(api), 'a.test', { socket: await announced(), ALPNProtocols: ['h2'] });
    const session = await dialHttp2(portOf(api), 'a.test', { createConnection: () => tls });
    expect((await askHttp2(session, 'a.test')).status).toBe(200);
    expect(echo.received.map(({ headers }) => headers['x-forwarded-for'])).toEqual(['203.0.113.9', '203.0.113.9']);
    expect(api.lines.map((line) => line['src.addr'])).toEqual(['203.0.113.9:4711', '203.0.113.9:4711']);
  });
});
