// Host names: covering, sharing, choosing.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostKeys, intersectHost, isHostCovered, plainHost, selectByHostname } from './hostnames.ts';

const labels = fc.array(fc.constantFrom('a', 'b', 'com'), { minLength: 1, maxLength: 4 });
const hosts = labels.map((parts) => parts.join('.'));
const patterns = fc.oneof(
  hosts,
  hosts.map((host) => `*.${host}`),
  fc.constant(''),
);

describe('host names', () => {
  test.each([
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'b.a.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', '.example.com', false],
    ['*.example.com', 'aexample.com', false],
    ['example.com', 'example.com', true],
    ['', 'anything', true],
  ])('%s covers %s: %s', (pattern, host, expected) => expect(isHostCovered(pattern, host)).toBe(expected));

  test('what two patterns share covers exactly what both cover', () => {
    fc.assert(
      fc.property(patterns, patterns, hosts, (a, b, host) => {
        const shared = intersectHost(a, b);
        const both = isHostCovered(a, host) && isHostCovered(b, host);
        expect(shared === undefined ? false : isHostCovered(shared, host)).toBe(both);
        expect(intersectHost(b, a)).toBe(shared);
      }),
    );
  });

  test('the keys of a host are the patterns that cover it, the most specific first', () => {
    fc.assert(
      fc.property(hosts, (host) => {
        const keys = [...hostKeys(host)];
        expect(keys.every((key) => isHostCovered(key, host))).toBe(true);
        expect(keys.map(({ length }) => length)).toEqual(
          [host.length, ...keys.slice(1).map(({ length }) => length)].toSorted(
            (x, y) => Number(y === host.length) - Number(x === host.length) || y - x,
          ),
        );
      }),
    );
  });

  test.each([
    ['Example.COM:8080', 'example.com'],
    ['[2001:DB8::1]:443', '[2001:db8::1]'],
    ['host', 'host'],
    ['', ''],
  ])('%s without port is %s', (authority, host) => expect(plainHost(authority)).toBe(host));

  test('the most specific listener is chosen, the first of equals', () => {
    const listeners = ['', '*.example.com', 'a.example.com', '*.a.example.com', 'A.example.com'].map(
      (hostname, index) => ({ hostname, index }),
    );
    const select = selectByHostname(listeners);
    expect(select('a.example.com:80')?.index).toBe(2);
    expect(select('x.example.com')?.index).toBe(1);
    expect(select('x.a.example.com')?.index).toBe(3);
    expect(select('example.com')?.index).toBe(0);
    expect(selectByHostname(listeners.slice(1))('other.org')).toBeUndefined();
  });
});
