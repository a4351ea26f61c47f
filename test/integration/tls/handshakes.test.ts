// Handshakes that agree, that cannot, and that were never meant to: versions, suites, client certificates, garbage; each failure is told, and none harms anybody else.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { makeAuthority } from '../../kit/authority.ts';
import { type TestGateway, freePort } from '../../kit/gateway.ts';
import { ask, gateway, httpRoute, ref, service, startEcho } from '../gateway-api/kit.ts';
import { dial, readAll } from '../tunnel/peers.ts';
import {
  askTls,
  authority,
  authorityMap,
  certificateSecret,
  describeTls,
  dialTls,
  gatewayWith,
  https,
  portOf,
  startTls,
  tryTls,
} from './kit.ts';

const run = promisify(execFile);
const toEcho = httpRoute('r', { rules: [{ backendRefs: [ref('echo')] }] });

async function startEchoed(text: string, ...more: readonly string[]) {
  const echo = await startEcho('echo');
  onTestFinished(() => echo[Symbol.asyncDispose]());
  const secret = certificateSecret('any', authority.issue('any', { names: ['a.test'], key: 'rsa' }));
  return { api: await startTls(text, toEcho, service('echo', echo.port), secret, ...more), echo };
}

/** The protocol and the suite that openssl's client agrees on, or none. */
async function agreed(port: number, ...more: readonly string[]): Promise<string> {
  const shaken = run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'a.test', ...more]);
  shaken.child.stdin!.end();
  const { stdout } = await shaken.catch((error: { stdout: string }) => error);
  const [, version, suite] = /^New, (\S+), Cipher is (\S+)$/m.exec(stdout) ?? [];
  return suite === '(NONE)' || suite === undefined ? 'none' : `${version} ${suite}`;
}

const failures = (api: TestGateway): [unknown, unknown][] => api.lines.map(({ reason, error }) => [reason, error]);

describeTls('versions and suites', () => {
  const aes128 = 'ECDHE-RSA-AES128-GCM-SHA256';
  const chacha = 'ECDHE-RSA-CHACHA20-POLY1305';
  const tls13 = 'TLSv1.3 TLS_AES_128_GCM_SHA256';

  test.each([
    { options: {}, tls12: /^TLSv1\.2 ECDHE-RSA-/, tls13, both: tls13 },
    { options: { 'min-version': '1.3' }, tls12: 'none', tls13, both: tls13 },
    { options: { 'max-version': '1.2' }, tls12: /^TLSv1\.2 /, tls13: 'none', both: /^TLSv1\.2 / },
    { options: { 'cipher-suites': chacha }, tls12: `TLSv1.2 ${chacha}`, tls13: 'none', both: `TLSv1.2 ${chacha}` },
    {
      options: { 'cipher-suites': 'TLS_AES_128_GCM_SHA256' },
      tls12: 'none',
      tls13: 'TLSv1.3 TLS_AES_128_GCM_SHA256',
      both: 'TLSv1.3 TLS_AES_128_GCM_SHA256',
    },
    {
      options: { 'cipher-suites': `${aes128},TLS_AES_128_GCM_SHA256` },
      tls12: `TLSv1.2 ${aes128}`,
      tls13: 'TLSv1.3 TLS_AES_128_GCM_SHA256',
      both: 'TLSv1.3 TLS_AES_128_GCM_SHA256',
    },
  ])('$options', async ({ options, ...wanted }) => {
    const named = Object.fromEntries(
      Object.entries(options).map(([name, value]) => [`agentgateway.dev/${name}`, value]),
    );
    const { api } = await startEchoed(gateway([https(['any'], {}, named)]));
    const port = portOf(api);
    expect({
      tls12: await agreed(port, '-tls1_2'),
      tls13: await agreed(port, '-tls1_3'),
      both: await agreed(port),
    }).toEqual(
      Object.fromEntries(
        Object.entries(wanted).map(([key, value]) => [
          key,
          value instanceof RegExp ? expect.stringMatching(value) : value,
        ]),
      ),
    );
    // Older versions are never spoken, whatever the client would put up with.
    expect(await agreed(port, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0')).toBe('none');
    expect(await agreed(port, '-tls1_2', '-cipher', 'AES128-SHA')).toBe('none');
  });
});

describeTls('what is no handshake', () => {
  test('plain HTTP, garbage, a client that leaves and one that agrees on nothing are told, without harm', async () => {
    const { api } = await startEchoed(gateway([https(['any'])]));
    const port = portOf(api);
    const said = async (bytes: string | Buffer): Promise<string> => {
      const client = dial(port);
      client.write(bytes);
      return readAll(client);
    };
    expect(await said('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')).toMatch(/ECONNRESET|^$/);
    expect(await said(Buffer.alloc(600, 7))).toMatch(/ECONNRESET|^$/);
    expect(await agreed(port, '-tls1_2', '-cipher', 'AES128-SHA')).toBe('none');
    const leaving = dial(port);
    leaving.end(Buffer.from([22, 3, 1, 0, 200, 1]));
    expect(await readAll(leaving)).toMatch(/ECONNRESET|^$/);
    await expect.poll(() => api.lines, { timeout: 5000 }).toHaveLength(4);
    expect(failures(api)).toEqual([
      ['bad-framing', 'the client does not speak TLS'],
      ['bad-framing', 'the client does not speak TLS'],
      ['tls-handshake-failed', 'no shared cipher'],
      ['client-gone', 'the client left before it said what it wants'],
    ]);
    expect(await tryTls(port, 'a.test')).toBe(200);
    const url = `http://127.0.0.1:${api.gateway.ports.get('metrics')!.port}/metrics`;
    expect(await (await fetch(url)).text()).toMatch(
      /agentgateway_downstream_failures_total\{[^}]*protocol="tls",reason="tls-handshake-failed"\} 1\n/,
    );
  });

  test('a client that breaks off after its ClientHello, and one that sends garbage after it', async () => {
    const { api } = await startEchoed(gateway([https(['any'])]));
    for (const isBroken of [true, false]) {
      const hello = await clientHello();
      const client = dial(portOf(api));
      client.on('error', () => {}).write(hello);
      // The ServerHello.
      await once(client, 'data');
      if (isBroken) client.resetAndDestroy();
      else client.end(Buffer.from([22, 3, 3, 0, 4, 9, 9, 9, 9]));
    }
    await expect.poll(() => api.lines, { timeout: 5000 }).toHaveLength(2);
    expect(failures(api)).toEqual([
      ['tls-handshake-failed', 'the client left during the handshake'],
      ['tls-handshake-failed', expect.not.stringMatching(/deps|\n/)],
    ]);
    expect(await tryTls(portOf(api), 'a.test')).toBe(200);
  });
});

/** The first bytes of a client. */
async function clientHello(): Promise<Buffer> {
  const { Duplex } = await import('node:stream');
  const tls = await import('node:tls');
  return new Promise((resolve) => {
    const wire = new Duplex({ read() {}, write: (chunk: Buffer) => resolve(chunk) });
    tls.connect({ socket: wire, servername: 'a.test' }).on('error', () => {});
  });
}

const validation = (mode?: string, name = 'clients'): object => ({
  validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name }], ...(mode && { mode }) },
});

/** A Gateway whose clients must show certificates. */
const validating = (frontend: object, listeners: readonly object[]): string => gatewayWith({ frontend }, listeners);

describeTls('GatewayFrontendClientCertificateValidation', () => {
  const others = makeAuthority('others');
  const clients = makeAuthority('clients');
  const valid = clients.issue('valid');
  const expired = clients.issue('expired', { isExpired: true });
  const unknown = others.issue('unknown');
  const map = authorityMap('clients', clients.cert);
  const results = async (port: number): Promise<unknown> => ({
    valid: await tryTls(port, 'a.test', valid),
    none: await tryTls(port, 'a.test'),
    unknown: await tryTls(port, 'a.test', unknown),
    expired: await tryTls(port, 'a.test', expired),
  });
  const refused = expect.stringMatching(/ECONNRESET|EPIPE/);
  const onlyValid = { valid: 200, none: refused, unknown: refused, expired: refused };
  const everybody = { valid: 200, none: 200, unknown: 200, expired: 200 };

  test('AllowValidOnly: without a valid certificate there is no connection, in either version', async () => {
    const { api, echo } = await startEchoed(validating({ default: validation() }, [https(['any'])]), map);
    expect(await results(portOf(api))).toEqual(onlyValid);
    expect(await tryTls(portOf(api), 'a.test', { ...valid, maxVersion: 'TLSv1.2' })).toBe(200);
    expect(await tryTls(portOf(api), 'a.test', { ...expired, maxVersion: 'TLSv1.2' })).toEqual(refused);
    expect(echo.received).toHaveLength(2);
    await expect.poll(() => api.lines.filter(({ reason }) => reason !== undefined)).toHaveLength(4);
    expect(failures(api).filter(([reason]) => reason !== undefined)).toEqual([
      ['tls-handshake-failed', 'the client shows no certificate'],
      ['tls-handshake-failed', expect.stringContaining('UNABLE_TO_')],
      ['tls-handshake-failed', expect.stringContaining('CERT_HAS_EXPIRED')],
      ['tls-handshake-failed', expect.stringContaining('CERT_HAS_EXPIRED')],
    ]);
  });

  test('a session is resumed by who began it with a certificate, and by nobody else', async () => {
    const { api } = await startEchoed(validating({ default: validation() }, [https(['any'])]), map);
    const sessions: Buffer[] = [];
    const socket = await dialTls(portOf(api), 'a.test', valid);
    socket.on('session', (session: Buffer) => sessions.push(session));
    socket.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
    await once(socket, 'data');
    expect(sessions.length).toBeGreaterThan(0);
    expect(await tryTls(portOf(api), 'a.test', { session: sessions[0]! })).toBe(200);
    // What a refused client may have got of a session is worth nothing.
    const stray: Buffer[] = [];
    for (const shown of [{}, unknown]) {
      const client = await dialTls(portOf(api), 'a.test', shown);
      client.on('session', (session: Buffer) => stray.push(session)).resume();
      if (!client.destroyed) await once(client, 'close');
    }
    for (const session of stray) expect(await tryTls(portOf(api), 'a.test', { session })).toEqual(refused);
  });

  test('AllowInsecureFallback: everybody is served', async () => {
    const { api } = await startEchoed(
      validating({ default: validation('AllowInsecureFallback') }, [https(['any'])]),
      map,
    );
    expect(await results(portOf(api))).toEqual(everybody);
  });

  test('perPort overrides the default, either way', async () => {
    const [free, open] = [await freePort(), await freePort()];
    const frontend = {
      default: validation(),
      perPort: [
        { port: free, tls: {} },
        { port: open, tls: validation('AllowInsecureFallback') },
      ],
    };
    const listeners = [https(['any']), https(['any'], { port: free }), https(['any'], { port: open })];
    const { api } = await startEchoed(validating(frontend, listeners), map);
    expect(await results(portOf(api))).toEqual(onlyValid);
    expect(await results(free)).toEqual(everybody);
    expect(await results(open)).toEqual(everybody);
  });

  test('GatewayInvalidFrontendClientCertificateValidation: HTTPS is closed to all, HTTP stays open', async () => {
    const http = await freePort();
    const listeners = [https(['any']), { port: http }];
    const { api } = await startEchoed(validating({ default: validation(undefined, 'missing') }, listeners), map);
    const { valid: served, ...rest } = (await results(portOf(api))) as Record<string, unknown>;
    expect(Object.values({ served, ...rest })).toEqual([1, 2, 3, 4].map(() => expect.stringMatching(/^E/)));
    expect((await ask(http, '/')).status).toBe(200);
  });

  test('another authority in the ConfigMap counts at once, also for sessions that are resumed', async () => {
    const text = validating({ default: validation() }, [https(['any'])]);
    const { api, echo } = await startEchoed(text, map);
    const rest = [toEcho, service('echo', echo.port)];
    const secret = certificateSecret('any', authority.issue('any', { names: ['a.test'] }));
    let session: Buffer | undefined;
    const socket = await dialTls(portOf(api), 'a.test', valid);
    socket.on('session', (one: Buffer) => (session = one));
    socket.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
    await once(socket, 'data');
    await api.edit(text, ...rest, secret, authorityMap('clients', others.cert));
    expect(await tryTls(portOf(api), 'a.test', unknown)).toBe(200);
    expect(await tryTls(portOf(api), 'a.test', valid)).toEqual(refused);
    expect(await tryTls(portOf(api), 'a.test', { ...valid, session })).toEqual(refused);
    expect((await askTls(portOf(api), 'a.test', unknown)).status).toBe(200);
  });
});
