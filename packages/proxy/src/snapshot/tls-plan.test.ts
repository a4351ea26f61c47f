// What a listener's TLS compiles to, and what is rejected by name instead of being served with less than it asks.
import { create } from '@bufbuild/protobuf';
import {
  ClientValidation_Mode,
  ListenerSchema,
  ListenerTls_Mode,
  Listener_Protocol,
  TlsVersion,
} from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { compileTls } from './tls-plan.ts';

const pair = {
  certificate: { secret: 'secret/default/a', entry: 'tls.crt' },
  key: { secret: 'secret/default/a', entry: 'tls.key' },
};
const compile = (listener: MessageInitShape<typeof ListenerSchema>): unknown =>
  compileTls(create(ListenerSchema, { protocol: Listener_Protocol.HTTPS, ...listener }));

test('everything that can be asked', () => {
  const tls = {
    mode: ListenerTls_Mode.TERMINATE,
    certificates: [pair],
    minVersion: TlsVersion.TLS_VERSION_1_2,
    maxVersion: TlsVersion.TLS_VERSION_1_3,
    cipherSuites: ['TLS_A', 'B'],
    alpn: ['h2'],
    clientValidation: { mode: ClientValidation_Mode.REQUIRE, caCertificates: 'PEM', invalid: '' },
  };
  expect(compile({ tls })).toEqual({
    mode: 'terminate',
    certificates: [pair],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_A:B',
    alpn: ['h2'],
    clients: { mode: 'require', ca: 'PEM', invalid: undefined },
  });
});

test.each([
  [['TLS_A'], 'TLSv1.3', undefined],
  [['B'], undefined, 'TLSv1.2'],
  [['TLS_A', 'B'], undefined, undefined],
])('of suites %j alone, from %s up to %s', (cipherSuites, minVersion, maxVersion) => {
  const tls = { mode: ListenerTls_Mode.TERMINATE, certificates: [pair], cipherSuites };
  expect(compile({ tls })).toMatchObject({ minVersion, maxVersion, ciphers: cipherSuites.join(':') });
});

test('nothing asked leaves the versions to the process, and the suites to those of today', () => {
  expect(compile({ tls: { mode: ListenerTls_Mode.TERMINATE, certificates: [pair] } })).toEqual({
    mode: 'terminate',
    certificates: [pair],
    minVersion: undefined,
    maxVersion: undefined,
    ciphers: expect.stringMatching(/^(TLS_|ECDHE-)/),
    alpn: [],
    clients: undefined,
  });
  const passing = { protocol: Listener_Protocol.TLS, tls: { mode: ListenerTls_Mode.PASSTHROUGH } };
  expect(compile(passing)).toEqual({ mode: 'passthrough' });
  expect(compile({ protocol: Listener_Protocol.HTTP })).toBeUndefined();
});

const terminate = { mode: ListenerTls_Mode.TERMINATE, certificates: [pair] };

test.each<[string, MessageInitShape<typeof ListenerSchema>]>([
  ['this mode of TLS', {}],
  ['this mode of TLS', { tls: { mode: 9 as ListenerTls_Mode } }],
  ['this mode of TLS', { tls: { mode: ListenerTls_Mode.PASSTHROUGH } }],
  ['there is no certificate', { tls: { mode: ListenerTls_Mode.TERMINATE } }],
  ['a certificate or its key', { tls: { ...terminate, certificates: [{ certificate: pair.certificate }] } }],
  ['this version of TLS', { tls: { ...terminate, minVersion: 9 as TlsVersion } }],
  ['this way to validate clients', { tls: { ...terminate, clientValidation: {} } }],
  ['a protocol without it', { protocol: Listener_Protocol.HTTP, tls: terminate }],
])('%s … is rejected', (message, listener) => {
  expect(() => compile(listener)).toThrow(message);
});
