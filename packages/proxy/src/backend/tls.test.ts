// Whether TLS is spoken to an endpoint: never plain text where a policy asks for TLS.
import { write } from '@agentgateway/core/policy/fixture.ts';
import type { BackendTlsSettings } from '@agentgateway/core/settings.ts';
import { describe, expect, test } from 'vitest';
import { toTargetTls } from './tls.ts';

function settings(more: Partial<BackendTlsSettings> = {}): BackendTlsSettings {
  return {
    id: 'x',
    isSpoken: true,
    serverName: undefined,
    caCertificates: [],
    subjectAltNames: [],
    isVerified: true,
    clientCertificate: undefined,
    invalid: undefined,
    ...more,
  };
}

describe('TLS to a backend', () => {
  test('is spoken where the backend or a policy asks for it', () => {
    expect(toTargetTls(undefined, 'a.svc', undefined)).toBeUndefined();
    expect(toTargetTls({ serverName: '' }, 'a.svc', undefined)).toEqual({ serverName: 'a.svc', settings: undefined });
    expect(toTargetTls({ serverName: 'own' }, 'a.svc', undefined)?.serverName).toBe('own');
    expect(toTargetTls(undefined, 'a.svc', settings())?.serverName).toBe('a.svc');
    expect(toTargetTls({ serverName: 'own' }, 'a.svc', settings({ serverName: 'said' }))?.serverName).toBe('said');
  });

  test('is not spoken because a client certificate is there to be shown', () => {
    const client = { certificate: { current: () => 'c' }, key: { current: () => 'k' } };
    const only = settings({ isSpoken: false, clientCertificate: client });
    expect(toTargetTls(undefined, 'a.svc', only)).toBeUndefined();
    expect(toTargetTls({ serverName: '' }, 'a.svc', only)?.settings?.clientCertificate).toBe(client);
  });

  test('is refused where it cannot be had as it is asked for', () => {
    expect(() => toTargetTls(undefined, 'a.svc', settings({ invalid: 'no CA' }))).toThrow(/a\.svc.*no CA/);
    const gone = { certificate: { current: () => undefined }, key: { current: () => 'k' } };
    expect(() => toTargetTls(undefined, 'a.svc', settings({ clientCertificate: gone }))).toThrow(/does not exist/);
  });
});

test('what a policy cannot apply becomes a value that refuses', () => {
  const { value } = write('backendTLS', { validation: { hostname: 'A.example.com' } });
  expect(value).toMatchObject({ isSpoken: true, serverName: 'A.example.com', isVerified: true, invalid: undefined });
  expect(Object.isFrozen(value)).toBe(true);
  expect(write('backendTLS', { validation: { caCertificates: 'x' } }).problems[0]?.path).toBe(
    'validation.caCertificates',
  );
  expect(write('backendTLS', {}).problems).toHaveLength(1);
});
