// HTTPS listeners through a whole gateway: whose certificate is shown, which protocol is spoken, and which host belongs to whom.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { gateway, httpRoute, ref, service, startEcho } from '../gateway-api/kit.ts';
import {
  askHttp2,
  askTls,
  authority,
  certificateSecret,
  commonNameOf,
  describeTls,
  dialHttp2,
  dialTls,
  https,
  portOf,
  startTls,
  tryTls,
} from './kit.ts';

const run = promisify(execFile);

/** A certificate for hosts in a Secret of the name that it shows. */
const secretFor = (name: string, names: readonly string[], key: 'rsa' | 'ec' = 'ec'): string =>
  certificateSecret(name, authority.issue(name, { names, key }));

const toEcho = httpRoute('r', { rules: [{ backendRefs: [ref('echo')] }] });

async function startEchoed(listeners: readonly object[], ...secrets: readonly string[]) {
  const echo = await startEcho('echo');
  onTestFinished(() => echo[Symbol.asyncDispose]());
  const api = await startTls(gateway(listeners), toEcho, service('echo', echo.port), ...secrets);
  return { api, echo, port: portOf(api) };
}

describeTls('the certificate by SNI', () => {
  test('HTTPRouteHTTPSListener: the exact listener’s, then the wildcard’s, then that of the listener without hostname; also without SNI', async () => {
    const { port } = await startEchoed(
      [https(['exact'], { hostname: 'a.example.com' }), https(['wild'], { hostname: '*.example.com' }), https(['any'])],
      secretFor('exact', ['a.example.com']),
      secretFor('wild', ['*.example.com']),
      secretFor('any', ['any.test']),
    );
    const owners = {
      'a.example.com': 'exact',
      'A.Example.com': 'exact',
      'b.example.com': 'wild',
      'x.y.example.com': 'wild',
      'example.com': 'any',
      'other.test': 'any',
    };
    for (const [host, owner] of Object.entries(owners))
      expect([host, await askTls(port, host)]).toMatchObject([host, { status: 200, shown: owner }]);
    expect(commonNameOf(await dialTls(port, ''))).toBe('any');
  });

  test('of several certificates of a listener the one for the name; the first without SNI', async () => {
    const { port } = await startEchoed(
      [https(['one', 'two', 'wild'])],
      secretFor('one', ['one.test']),
      secretFor('two', ['two.test']),
      secretFor('wild', ['*.test']),
    );
    for (const [host, shown] of Object.entries({
      'one.test': 'one',
      'two.test': 'two',
      'six.test': 'wild',
      'else.where': 'one',
    }))
      expect([host, (await askTls(port, host)).shown]).toEqual([host, shown]);
    expect(commonNameOf(await dialTls(port, ''))).toBe('one');
  });

  test('of an RSA and an ECDSA certificate for one host each client gets what it can verify', async () => {
    const { port } = await startEchoed(
      [https(['first', 'rsa', 'ecdsa'])],
      secretFor('first', ['first.test']),
      secretFor('rsa', ['a.test'], 'rsa'),
      secretFor('ecdsa', ['a.test']),
    );
    const shownFor = async (sigalgs: string): Promise<string> =>
      commonNameOf(await dialTls(port, 'a.test', { sigalgs }));
    expect(await shownFor('rsa_pss_rsae_sha256')).toBe('rsa');
    expect(await shownFor('ecdsa_secp256r1_sha256')).toBe('ecdsa');
  });

  test('a client that cannot verify the certificate for its host is not shown one for another', async () => {
    const { api, port } = await startEchoed(
      [https(['other', 'own'])],
      secretFor('other', ['other.test'], 'rsa'),
      secretFor('own', ['a.test']),
    );
    await expect(dialTls(port, 'a.test', { sigalgs: 'rsa_pss_rsae_sha256' })).rejects.toThrow(/handshake failure/);
    await expect
      .poll(() => api.lines)
      .toMatchObject([{ reason: 'tls-handshake-failed', error: 'no suitable signature algorithm' }]);
  });

  test('of two certificates of one kind for one host the first is shown', async () => {
    const { port } = await startEchoed(
      [https(['old', 'new'])],
      secretFor('old', ['a.test']),
      secretFor('new', ['a.test']),
    );
    expect((await askTls(port, 'a.test')).shown).toBe('old');
  });

  test('without a listener for the server name there is no handshake, and the access line says why', async () => {
    const { api, port } = await startEchoed(
      [https(['exact'], { hostname: 'a.example.com' })],
      secretFor('exact', ['a.example.com']),
    );
    expect(await tryTls(port, 'other.test')).toBe('ECONNRESET');
    expect(await tryTls(port, '')).toBe('ECONNRESET');
    await expect.poll(() => api.lines).toHaveLength(2);
    expect(api.lines[0]).toMatchObject({ reason: 'listener-not-found', 'tls.sni': 'other.test' });
  });
});

describeTls('what is spoken inside', () => {
  const secret = secretFor('any', ['a.test']);

  test('HTTP/2 where ALPN agrees on it, HTTP/1.1 where it does, and without ALPN whatever the first bytes say', async () => {
    const { port } = await startEchoed([https(['any'])], secret);
    const both = await dialTls(port, 'a.test', { ALPNProtocols: ['http/1.1', 'h2'] });
    expect(both.alpnProtocol).toBe('h2');
    expect((await askTls(port, 'a.test', { ALPNProtocols: ['http/1.1'] })).alpn).toBe('http/1.1');
    expect(await askTls(port, 'a.test')).toMatchObject({ status: 200 });
    const none = await dialTls(port, 'a.test');
    expect(none.alpnProtocol).toBe(false);
    none.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
    expect(String((await once(none, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    const session = await dialHttp2(port, 'a.test');
    expect(session.alpnProtocol).toBe('h2');
    expect((await askHttp2(session, 'a.test')).status).toBe(200);
  });

  test('an unknown protocol by ALPN fails the handshake with the alert of RFC 7301, and is told', async () => {
    const { api, port } = await startEchoed([https(['any'])], secret);
    await expect(dialTls(port, 'a.test', { ALPNProtocols: ['smtp'] })).rejects.toThrow(/no application protocol/);
    await expect.poll(() => api.lines).toMatchObject([{ reason: 'tls-handshake-failed', 'tls.sni': 'a.test' }]);
  });

  test('curl gets HTTP/2 and HTTP/1.1', async () => {
    const { port } = await startEchoed([https(['any'])], secret);
    const curl = async (...more: readonly string[]): Promise<string> => {
      const url = `https://a.test:${port}/`;
      const to = ['--resolve', `a.test:${port}:127.0.0.1`, '-skw', '%{http_version} %{http_code}', '-o', '/dev/null'];
      return (await run('curl', [...to, ...more, url])).stdout;
    };
    expect(await curl('--http2')).toBe('2 200');
    expect(await curl('--http1.1')).toBe('1.1 200');
  });

  test('backends learn that the client spoke https', async () => {
    const { port, echo } = await startEchoed([https(['any'])], secret);
    await askTls(port, 'a.test');
    await askHttp2(await dialHttp2(port, 'a.test'), 'a.test');
    expect(echo.received.map(({ headers }) => headers['x-forwarded-proto'])).toEqual(['https', 'https']);
  });

  test('a redirect without a scheme keeps https', async () => {
    const redirect = httpRoute('r', {
      rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'b.test' } }] }],
    });
    const api = await startTls(gateway([https(['any'])]), redirect, secret);
    const { status, headers } = await askTls(portOf(api), 'a.test', { path: '/x' });
    expect([status, headers.location]).toEqual([302, `https://b.test:${portOf(api)}/x`]);
  });

  test('WebSockets pass over TLS', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => server.close());
    await once(server, 'listening');
    server.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`)));
    const api = await startTls(
      gateway([https(['any'])]),
      toEcho,
      service('echo', (server.address() as { port: number }).port),
      secret,
    );
    const client = new WebSocket(`wss://127.0.0.1:${portOf(api)}/`, {
      servername: 'a.test',
      headers: { host: 'a.test' },
      ca: authority.cert,
      checkServerIdentity: () => undefined,
    } as object);
    onTestFinished(() => client.terminate());
    await once(client, 'open');
    client.send('hello');
    expect(String((await once(client, 'message'))[0])).toBe('echo hello');
  });
});

describeTls('GatewayHTTPSListenerDetectMisdirectedRequests', () => {
  const names = {
    second: 'second-example.org',
    wild: '*.wildcard.org',
    fourth: 'fourth-example.wildcard.org',
  };
  const secrets = Object.entries(names).map(([name, host]) => secretFor(name, [host]));
  const listeners = Object.entries(names).map(([name, hostname]) => https([name], { name, hostname }));
  const cases = [
    ['second-example.org', 'second-example.org', 200],
    ['x.wildcard.org', 'x.wildcard.org', 200],
    ['x.wildcard.org', 'y.wildcard.org', 200],
    // Another listener has the host.
    ['second-example.org', 'x.wildcard.org', 421],
    ['x.wildcard.org', 'fourth-example.wildcard.org', 421],
    ['fourth-example.wildcard.org', 'second-example.org', 421],
    // None has it.
    ['second-example.org', 'unknown.org', 404],
    ['x.wildcard.org', 'unknown.org', 404],
  ] as const;

  test('HTTPRouteHTTPSListenerDetectMisdirectedRequests over HTTP/1.1: 421 for the host of another listener, 404 for that of none', async () => {
    const { port, echo } = await startEchoed(listeners, ...secrets);
    for (const [sni, host, status] of cases)
      expect([sni, host, (await askTls(port, sni, { host })).status]).toEqual([sni, host, status]);
    expect(echo.received).toHaveLength(3);
  });

  test('HTTP/2: the same on one connection, which goes on', async () => {
    const { port } = await startEchoed(listeners, ...secrets);
    for (const sni of new Set(cases.map(([name]) => name))) {
      const session = await dialHttp2(port, sni);
      for (const [, host, status] of cases.filter(([name]) => name === sni))
        expect([sni, host, (await askHttp2(session, host)).status]).toEqual([sni, host, status]);
    }
  });
});

const routeOf = (name: string): string =>
  httpRoute(name, {
    parentRefs: [{ name: 'g', sectionName: name }],
    rules: [{ matches: [{ path: { value: `/${name}` } }], backendRefs: [ref('echo')] }],
  });

describeTls('isolation of HTTPS listeners', () => {
  test('a request belongs to the most specific listener, and to its routes alone', async () => {
    const echo = await startEcho('echo');
    onTestFinished(() => echo[Symbol.asyncDispose]());
    const hosts = { any: undefined, wild: '*.example.com', exact: 'a.example.com' };
    const api = await startTls(
      gateway(Object.entries(hosts).map(([name, hostname]) => https(['all'], { name, ...(hostname && { hostname }) }))),
      ...Object.keys(hosts).map(routeOf),
      service('echo', echo.port),
      secretFor('all', ['a.example.com', '*.example.com', 'any.test']),
    );
    const owners = { 'any.test': 'any', 'b.example.com': 'wild', 'a.example.com': 'exact' };
    for (const [host, owner] of Object.entries(owners))
      for (const name of Object.keys(hosts))
        expect([host, name, await tryTls(portOf(api), host, { path: `/${name}` })]).toEqual([
          host,
          name,
          name === owner ? 200 : 404,
        ]);
  });
});
