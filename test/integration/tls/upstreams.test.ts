// TLS to backends through a whole gateway: who is trusted and under which name, what is shown, and that nothing is shared which was verified otherwise (BackendTLSPolicy).
import { once } from 'node:events';
import { createServer } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { makeAuthority } from '../../kit/authority.ts';
import { freePort, type TestGateway } from '../../kit/gateway.ts';
import { ask, gateway, httpRoutes, manifests, ref, service } from '../gateway-api/kit.ts';
import { type SecureRequest, backendTls, backendTlsPolicy, startSecureEcho, trust } from './backends.ts';
import { authority, authorityMap, certificateSecret, describeTls, gatewayWith, portOf, startTls } from './kit.ts';

/** A route for each Service, by its name as path. */
const routesTo = (...names: readonly string[]): string =>
  httpRoutes(
    'r',
    names.map((name) => ({ matches: [{ path: { value: `/${name}` } }], backendRefs: [ref(name)] })),
  );

/** What a backend got, or the status where the request did not get there. */
async function got(api: TestGateway, name: string): Promise<SecureRequest | number> {
  const { status, body } = await ask(api, `/${name}`);
  return status === 200 ? (JSON.parse(body) as SecureRequest) : status;
}

describeTls('BackendTLSPolicy', () => {
  const others = makeAuthority('others');
  const spiffe = 'spiffe://cluster.test/ns/a/sa/b';
  const certificate = authority.issue('backend', { names: ['app.test', '*.wild.test'], uris: [spiffe] });
  const maps = authorityMap('own', authority.cert) + authorityMap('others', others.cert);

  test.each(['http/1.1', 'h2'] as const)(
    'over %s: CA certificates, names and alternative names decide',
    async (protocol) => {
      const { port } = await startSecureEcho(certificate, protocol);
      const validations: Record<string, object> = {
        right: trust(['own'], 'app.test'),
        wildcard: trust(['own'], 'x.wild.test'),
        second: trust(['others', 'own'], 'app.test'),
        'wrong-ca': trust(['others'], 'app.test'),
        'wrong-name': trust(['own'], 'other.test'),
        system: { wellKnownCACertificates: 'System', hostname: 'app.test' },
        uri: trust(['own'], 'sni.test', [{ type: 'URI', uri: spiffe }]),
        name: trust(['own'], 'sni.test', [
          { type: 'Hostname', hostname: 'no.test' },
          { type: 'Hostname', hostname: 'App.test' },
        ]),
        // The host name does not count beside them.
        'wrong-uri': trust(['own'], 'app.test', [{ type: 'URI', uri: `${spiffe}/c` }]),
        'wrong-san': trust(['own'], 'app.test', [{ type: 'Hostname', hostname: 'no.test' }]),
      };
      const appProtocol = protocol === 'h2' ? { appProtocol: 'grpcs' } : {};
      const api = await startTls(
        gateway(),
        routesTo(...Object.keys(validations)),
        maps,
        ...Object.entries(validations).map(
          ([name, validation]) => service(name, port, appProtocol) + backendTlsPolicy(name, name, validation),
        ),
      );
      const answers: Record<string, unknown> = {};
      for (const name of Object.keys(validations)) {
        const answer = await got(api, name);
        answers[name] = typeof answer === 'number' ? answer : answer.sni;
      }
      expect(answers).toEqual({
        right: 'app.test',
        wildcard: 'x.wild.test',
        second: 'app.test',
        'wrong-ca': 503,
        'wrong-name': 503,
        system: 503,
        uri: 'sni.test',
        name: 'sni.test',
        'wrong-uri': 503,
        'wrong-san': 503,
      });
      // Again, now that connections to that endpoint are open: nobody is let onto those of others.
      for (const [name, answer] of Object.entries(answers))
        if (answer === 503) expect([name, await got(api, name)]).toEqual([name, 503]);
      const line = api.lines.find((one) => one['http.path'] === '/wrong-ca');
      expect(line).toMatchObject({ reason: 'upstream-connect-failed', error: expect.stringMatching(/CERT|SIGNATURE/) });
    },
  );

  test('wellKnownCACertificates: System trusts whom the system trusts', async () => {
    const { port } = await startSecureEcho(certificate);
    const system = { wellKnownCACertificates: 'System', hostname: 'one.wild.test' };
    const before = getCACertificates('default');
    setDefaultCACertificates([authority.cert]);
    onTestFinished(() => setDefaultCACertificates(before));
    const api = await startTls(gateway(), routesTo('a'), service('a', port), backendTlsPolicy('a', 'a', system));
    expect(await got(api, 'a')).toMatchObject({ sni: 'one.wild.test' });
  });

  test('connections that were verified differently are never shared, others are', async () => {
    const backend = await startSecureEcho(certificate);
    const names = ['one', 'two', 'three', 'four', 'five'];
    const api = await startTls(
      gateway(),
      routesTo(...names),
      maps,
      ...names.map((name) => service(name, backend.port)),
      backendTlsPolicy('one', 'one', trust(['own'], 'app.test')),
      backendTlsPolicy('two', 'two', trust(['own'], 'app.test')),
      backendTlsPolicy('three', 'three', trust(['own', 'others'], 'app.test')),
      backendTlsPolicy('four', 'four', trust(['own'], 'app.test', [{ type: 'URI', uri: spiffe }])),
      backendTls('five', { validation: { hostname: 'app.test', insecureSkipVerify: true } }),
    );
    for (const name of names) expect(await got(api, name)).toMatchObject({ sni: 'app.test' });
    expect(backend.connections).toBe(4);
    for (const name of names) expect(await got(api, name)).toMatchObject({ sni: 'app.test' });
    expect(backend.connections).toBe(4);
  });

  test('BackendTLSPolicyInvalidCACertificateRef, InvalidKind: nothing is sent, in the clear neither', async () => {
    const { port, server } = await startSecureEcho(certificate);
    let raw = 0;
    server.on('connection', () => raw++);
    const broken = {
      missing: trust(['nowhere'], 'app.test'),
      unreadable: trust(['broken'], 'app.test'),
      kind: { caCertificateRefs: [{ group: '', kind: 'Secret', name: 'own' }], hostname: 'app.test' },
    };
    const api = await startTls(
      gateway(),
      routesTo(...Object.keys(broken)),
      maps,
      authorityMap('broken', 'nothing'),
      ...Object.entries(broken).map(
        ([name, validation]) => service(name, port) + backendTlsPolicy(name, name, validation),
      ),
    );
    for (const name of Object.keys(broken)) expect([name, await got(api, name)]).toEqual([name, 500]);
    expect(raw).toBe(0);
  });

  test('what names a port of the Service wins over what names the whole', async () => {
    const { port } = await startSecureEcho(certificate);
    const named = manifests({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'two', namespace: 'default' },
      spec: {
        ports: [
          { name: 'http', port: 80 },
          { name: 'other', port: 81 },
        ],
      },
    });
    const slice = manifests({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'two', namespace: 'default', labels: { 'kubernetes.io/service-name': 'two' } },
      addressType: 'IPv4',
      ports: [
        { name: 'http', port },
        { name: 'other', port },
      ],
      endpoints: [{ addresses: ['127.0.0.1'] }],
    });
    const routes = httpRoutes('r', [
      { matches: [{ path: { value: '/whole' } }], backendRefs: [ref('two', { port: 81 })] },
      { matches: [{ path: { value: '/port' } }], backendRefs: [ref('two')] },
    ]);
    const api = await startTls(
      gateway(),
      routes,
      maps,
      named,
      slice,
      backendTlsPolicy('whole', 'two', trust(['own'], 'x.wild.test')),
      backendTlsPolicy('port', { name: 'two', sectionName: 'http' }, trust(['own'], 'app.test')),
    );
    expect(await got(api, 'whole')).toMatchObject({ sni: 'x.wild.test' });
    expect(await got(api, 'port')).toMatchObject({ sni: 'app.test' });
  });

  test('another CA in the ConfigMap counts at once', async () => {
    const { port } = await startSecureEcho(certificate);
    const rest = [routesTo('a'), service('a', port), backendTlsPolicy('a', 'a', trust(['ca'], 'app.test'))];
    const api = await startTls(gateway(), ...rest, authorityMap('ca', others.cert));
    expect(await got(api, 'a')).toBe(503);
    await api.edit(gateway(), ...rest, authorityMap('ca', authority.cert));
    expect(await got(api, 'a')).toMatchObject({ sni: 'app.test' });
    await api.edit(gateway(), ...rest, authorityMap('ca', others.cert));
    expect(await got(api, 'a')).toBe(503);
  });
});

describeTls('the policy backendTLS', () => {
  const clients = makeAuthority('clients');
  const certificate = authority.issue('backend', { names: ['app.test'] });
  const validation = { hostname: 'app.test', caCertificates: authority.cert };

  test.each(['http/1.1', 'h2'] as const)(
    'over %s: shows a client certificate, the new one as soon as the Secret changes',
    async (protocol) => {
      const { port } = await startSecureEcho(
        { ...certificate, requestCert: true, rejectUnauthorized: true, ca: clients.cert },
        protocol,
      );
      const spec = { validation, clientCertificate: { secretRef: { name: 'client' } } };
      const appProtocol = protocol === 'h2' ? { appProtocol: 'grpcs' } : {};
      const rest = [
        routesTo('shown', 'bare'),
        service('shown', port, appProtocol) + backendTls('shown', spec),
        service('bare', port, appProtocol) + backendTls('bare', { validation }),
      ];
      const api = await startTls(gateway(), ...rest, certificateSecret('client', clients.issue('first')));
      expect(await got(api, 'shown')).toMatchObject({ client: 'first' });
      expect(await got(api, 'bare')).toBe(503);
      expect(api.lines.at(-1)!['error']).toMatch(/certificate required$/);
      await api.edit(gateway(), ...rest, certificateSecret('client', clients.issue('second')));
      expect(await got(api, 'shown')).toMatchObject({ client: 'second' });
    },
  );

  test('insecureSkipVerify takes anybody’s certificate, and the default nobody’s', async () => {
    const { port } = await startSecureEcho(certificate);
    const api = await startTls(
      gateway(),
      routesTo('open', 'closed', 'secret'),
      service('open', port) + backendTls('open', { validation: { insecureSkipVerify: true } }),
      service('closed', port) + backendTls('closed', { validation: { hostname: 'app.test' } }),
      service('secret', port) +
        backendTls('secret', { validation, clientCertificate: { secretRef: { name: 'nowhere' } } }),
    );
    expect(await got(api, 'open')).toMatchObject({ path: '/open' });
    expect(await got(api, 'closed')).toBe(503);
    expect(await got(api, 'secret')).toBe(500);
  });
});

describeTls('GatewayBackendClientCertificate', () => {
  const clients = makeAuthority('clients');
  const certificate = authority.issue('backend', { names: ['app.test'] });
  const showing = gatewayWith({ backend: { clientCertificateRef: { name: 'client' } } });
  const options = { ...certificate, requestCert: true, ca: clients.cert };

  test.each(['http/1.1', 'h2'] as const)(
    'over %s: the Gateway’s certificate is shown to backends of TLS, and a new one as soon as the Secret changes',
    async (protocol) => {
      const { port } = await startSecureEcho({ ...options, rejectUnauthorized: true }, protocol);
      const appProtocol = protocol === 'h2' ? { appProtocol: 'grpcs' } : {};
      const rest = [
        routesTo('a'),
        authorityMap('own', authority.cert),
        service('a', port, appProtocol) + backendTlsPolicy('a', 'a', trust(['own'], 'app.test')),
      ];
      const api = await startTls(showing, ...rest, certificateSecret('client', clients.issue('first')));
      expect(await got(api, 'a')).toMatchObject({ client: 'first' });
      await api.edit(showing, ...rest, certificateSecret('client', clients.issue('second')));
      expect(await got(api, 'a')).toMatchObject({ client: 'second' });
    },
  );

  test('connections that show a certificate are not shared with those that show another or none', async () => {
    const backend = await startSecureEcho({ ...options, rejectUnauthorized: false });
    const rest = [
      routesTo('a', 'own'),
      authorityMap('own', authority.cert),
      service('a', backend.port) + backendTlsPolicy('a', 'a', trust(['own'], 'app.test')),
      service('own', backend.port) +
        backendTls('own', {
          validation: { hostname: 'app.test', caCertificates: authority.cert },
          clientCertificate: { secretRef: { name: 'other' } },
        }),
      certificateSecret('client', clients.issue('gateway')),
      certificateSecret('other', clients.issue('policy')),
    ];
    const api = await startTls(showing, ...rest);
    expect(await got(api, 'a')).toMatchObject({ client: 'gateway' });
    expect(await got(api, 'own')).toMatchObject({ client: 'policy' });
    await api.edit(gateway(), ...rest);
    expect(await got(api, 'a')).toMatchObject({ client: '' });
    expect(backend.connections).toBe(3);
  });
});

const policyOf = (name: string): string => backendTlsPolicy(name, name, trust(['own'], 'app.test'));

describeTls('appProtocol', () => {
  test('kubernetes.io/wss takes WebSockets over TLS, and https requests', async () => {
    const certificate = authority.issue('backend', { names: ['app.test'] });
    const server = createServer(certificate, (_request, response) => response.end('{}'));
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) =>
      socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`)),
    );
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      sockets.close();
      server.close();
      server.closeAllConnections();
    });
    const api = await startTls(
      gateway(),
      routesTo('ws', 'web'),
      authorityMap('own', authority.cert),
      service('ws', port, { appProtocol: 'kubernetes.io/wss' }) + policyOf('ws'),
      service('web', port, { appProtocol: 'https' }) + policyOf('web'),
    );
    const client = new WebSocket(`ws://127.0.0.1:${portOf(api)}/ws`);
    onTestFinished(() => client.terminate());
    await once(client, 'open');
    client.send('hello');
    expect(String((await once(client, 'message'))[0])).toBe('echo hello');
    expect((await ask(api, '/web')).status).toBe(200);
  });
});
