// Which listeners share a socket, which of them a server name and a host select, and when a request is misdirected (421).
import { describe, expect, test } from 'vitest';
import { type BoundListener, chooseCertificates, toBinds } from './bind-plan.ts';
import type { BindPlan, ListenerPlan } from './snapshot.ts';

function bound(
  name: string,
  more: Partial<Pick<ListenerPlan, 'protocol' | 'hostname'> & Pick<BoundListener, 'addresses' | 'port'>> = {},
): [string, BoundListener] {
  const { protocol = 'HTTPS', hostname = '', addresses = [], port = 443 } = more;
  const plan = { key: name, name, protocol, hostname } as ListenerPlan;
  return [name, { plan, addresses, port }];
}

function bindOf(...listeners: [string, BoundListener][]): BindPlan {
  const binds = [...toBinds(new Map(listeners)).values()];
  expect(binds).toHaveLength(1);
  return binds[0]!;
}

const keysOf = (...listeners: [string, BoundListener][]): Record<string, string[]> =>
  Object.fromEntries(
    [...toBinds(new Map(listeners))].map(([key, bind]) => [key, bind.listeners.map(({ name }) => name)]),
  );

describe('binds', () => {
  test('HTTPS and TLS share a socket; HTTP, TCP and UDP have each their own', () => {
    expect(
      keysOf(
        bound('https'),
        bound('tls', { protocol: 'TLS', hostname: 'a.test' }),
        bound('http', { protocol: 'HTTP' }),
        bound('tcp', { protocol: 'TCP' }),
        bound('udp', { protocol: 'UDP' }),
      ),
    ).toEqual({ ':443/tls': ['https', 'tls'], ':443': ['http'], ':443/tcp': ['tcp'], ':443/udp': ['udp'] });
  });

  test('a listener is bound on each of its addresses; port 0 is another socket for each', () => {
    expect(
      keysOf(
        bound('both', { addresses: ['127.0.0.1', '::1'] }),
        bound('one', { addresses: ['::1'], hostname: 'a.test' }),
        bound('free', { port: 0 }),
      ),
    ).toEqual({ '127.0.0.1:443/tls': ['both'], '::1:443/tls': ['both', 'one'], ':0/tls free': ['free'] });
  });
});

describe('a connection', () => {
  const bind = bindOf(
    bound('any'),
    bound('exact', { hostname: 'a.example.com' }),
    bound('wild', { hostname: '*.example.com' }),
    bound('deep', { hostname: '*.deep.example.com', protocol: 'TLS' }),
  );

  test.each([
    ['a.example.com', 'exact'],
    ['A.Example.COM.', 'exact'],
    ['b.example.com', 'wild'],
    ['x.y.example.com', 'wild'],
    ['x.deep.example.com', 'deep'],
    ['example.com', 'any'],
    [undefined, 'any'],
    ['', 'any'],
  ])('of server name %s belongs to %s', (sni, name) => {
    expect(bind.selectBySni(sni)?.name).toBe(name);
  });

  test('without a listener for its server name belongs to none', () => {
    const only = bindOf(bound('exact', { hostname: 'a.example.com' }));
    expect(only.selectBySni('b.example.com')).toBeUndefined();
    expect(only.selectBySni(undefined)).toBeUndefined();
  });
});

describe('GatewayHTTPSListenerDetectMisdirectedRequests', () => {
  const bind = bindOf(
    bound('second', { hostname: 'second-example.org' }),
    bound('wild', { hostname: '*.wildcard.org' }),
    bound('fourth', { hostname: 'fourth-example.wildcard.org' }),
    bound('passing', { hostname: 'passing.org', protocol: 'TLS' }),
  );
  const named = (name: string): ListenerPlan => bind.listeners.find((listener) => listener.name === name)!;

  test.each([
    // The connection's own listener, also with a port in the authority.
    ['second', 'second-example.org', false],
    ['second', 'Second-Example.org:443', false],
    ['wild', 'x.wildcard.org', false],
    // Another listener has the host, more specifically or at all.
    ['wild', 'fourth-example.wildcard.org', true],
    ['second', 'x.wildcard.org', true],
    ['fourth', 'x.wildcard.org', true],
    // No listener has the host: 404.
    ['second', 'unknown.org', false],
    // A TLS listener serves no requests, so that nothing belongs to it.
    ['second', 'passing.org', false],
  ])('on %s, %s → %s', (connection, authority, isMisdirected) => {
    expect(bind.isMisdirected(named(connection), authority)).toBe(isMisdirected);
  });

  test('what belongs to no listener is found by none', () => {
    expect(bind.select('unknown.org')).toBeUndefined();
    expect(bind.select('passing.org')).toBeUndefined();
  });

  test('a listener for every host is not taken for a host that another has', () => {
    const both = bindOf(bound('any'), bound('second', { hostname: 'second-example.org' }));
    const [any] = both.listeners.filter(({ name }) => name === 'any');
    expect(both.isMisdirected(any!, 'second-example.org')).toBe(true);
    expect(both.isMisdirected(any!, 'other.org')).toBe(false);
  });
});

describe('certificates', () => {
  const first = { id: 'first', names: ['other.test'] };
  const wild = { id: 'wild', names: ['*.example.com'] };
  const rsa = { id: 'rsa', names: ['a.example.com', 'b.example.com'] };
  const ecdsa = { id: 'ecdsa', names: ['a.example.com'] };
  const all = [first, wild, rsa, ecdsa];

  test.each([
    ['a.example.com', ['rsa', 'ecdsa']],
    ['A.EXAMPLE.com.', ['rsa', 'ecdsa']],
    ['b.example.com', ['rsa']],
    ['c.example.com', ['wild']],
    // One label, as clients check it.
    ['x.c.example.com', ['first']],
    ['example.com', ['first']],
    [undefined, ['first']],
  ])('for server name %s: %j', (sni, ids) => {
    expect(chooseCertificates(all, sni).map(({ id }) => id)).toEqual(ids);
  });

  test('none of none', () => {
    expect(chooseCertificates([], 'a.example.com')).toEqual([]);
  });
});
