// The PROXY protocol: what is written, who is believed, and what says nothing.
import { describe, expect, test } from 'vitest';
import type { ProxyProtocolSettings } from '../settings.ts';
import { isAccepted, write } from './fixture.ts';

const settingsOf = (spec: object): ProxyProtocolSettings => {
  const { problems, value } = write('proxyProtocol', spec);
  expect(problems).toEqual([]);
  return value as ProxyProtocolSettings;
};

describe('proxyProtocol', () => {
  test('both directions', () => {
    expect(settingsOf({ client: 'Required' })).toMatchObject({ client: 'required', backendVersion: undefined });
    expect(settingsOf({ client: 'Optional', backend: 'V2' })).toMatchObject({ client: 'optional', backendVersion: 2 });
    expect(settingsOf({ client: 'Off', backend: 'V1' })).toMatchObject({ client: undefined, backendVersion: 1 });
  });

  test('all proxies are believed unless some are named', () => {
    expect(settingsOf({ client: 'Required' }).trusts('203.0.113.9')).toBe(true);
    const { trusts } = settingsOf({ client: 'Required', trusted: ['10.0.0.0/8', '2001:db8::/32'] });
    expect(['10.1.2.3', '2001:db8::1', '192.0.2.1', '2001:db9::1', 'nonsense'].map((one) => trusts(one))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test.each([
    ['', {}],
    ['trusted', { backend: 'V1', trusted: ['10.0.0.0/8'] }],
    ['trusted', { client: 'Required', trusted: ['10.0.0.0/33'] }],
    ['trusted', { client: 'Required', trusted: ['10.0.0.1/8'] }],
  ])('a problem at %j: %j', (path, spec) => {
    expect(write('proxyProtocol', spec).problems).toMatchObject([{ path }]);
  });

  test.each<[boolean, unknown]>([
    [true, { client: 'Off' }],
    [false, { client: 'Sometimes' }],
    [false, { backend: 'V3' }],
    [false, { server: 'V1' }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('proxyProtocol', spec)).toBe(isFine));
});
