// What a listener's TLS comes to: frozen facts that a TLS server is opened with; certificates stay references, so that rotation recompiles nothing.
import {
  type ClientValidation,
  ClientValidation_Mode,
  type KeyPair,
  type Listener,
  type ListenerTls,
  ListenerTls_Mode,
  Listener_Protocol,
  TlsVersion,
} from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { SecretReference } from '@agentgateway/core/environment.ts';

/** A certificate with its key, both in PEM behind references that are resolved when they are used. */
export interface KeyPairPlan {
  readonly certificate: SecretReference;
  readonly key: SecretReference;
}

/** How clients show who they are. */
export interface ClientsPlan {
  /** `require`: without a valid certificate there is no connection. `request`: asked for, and served whatever the answer is. */
  readonly mode: 'require' | 'request';
  /** Certificates in PEM that a client's must lead to. */
  readonly ca: string;
  /** Why nobody can be let in: every handshake must fail. */
  readonly invalid: string | undefined;
}

/** A version of TLS in Node's words. */
export type TlsVersionName = 'TLSv1.2' | 'TLSv1.3';

/** What a listener's TLS comes to. */
export type TlsPlan =
  | { readonly mode: 'passthrough' }
  | {
      readonly mode: 'terminate';
      /** In the order of the user. */
      readonly certificates: readonly KeyPairPlan[];
      /** Undefined leaves it to the process. */
      readonly minVersion: TlsVersionName | undefined;
      readonly maxVersion: TlsVersionName | undefined;
      /** OpenSSL's list. */
      readonly ciphers: string;
      /** Protocols offered by ALPN, the preferred first; empty offers none. */
      readonly alpn: readonly string[];
      readonly clients: ClientsPlan | undefined;
    };

/** With forward secrecy and authenticated encryption, as HTTP/2 demands (RFC 9113 §9.2.2); node would speak older ones too. */
const defaultCiphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

/** Compiles a listener's TLS; undefined where it has none. Throws where this version cannot keep what is asked. */
export function compileTls({ protocol, tls }: Listener): TlsPlan | undefined {
  const isSecure = protocol === Listener_Protocol.HTTPS || protocol === Listener_Protocol.TLS;
  if (!isSecure) {
    if (tls) throw new Error('TLS is set for a protocol without it');
    return undefined;
  }
  if (tls?.mode === ListenerTls_Mode.PASSTHROUGH && protocol === Listener_Protocol.TLS) return { mode: 'passthrough' };
  if (tls?.mode !== ListenerTls_Mode.TERMINATE) throw new Error('this mode of TLS is not known to this version');
  if (tls.certificates.length === 0) throw new Error('there is no certificate');
  return Object.freeze({
    mode: 'terminate',
    certificates: tls.certificates.map(toPair),
    ...toSuites(tls),
    alpn: tls.alpn,
    clients: toClients(tls),
  });
}

/** A certificate and its key as references. Throws where one is missing. */
export function toPair({ certificate, key }: KeyPair): KeyPairPlan {
  if (!certificate || !key) throw new Error('a certificate or its key is missing');
  return {
    certificate: { secret: certificate.secret, entry: certificate.entry },
    key: { secret: key.secret, entry: key.entry },
  };
}

function isSuiteOf13(suite: string): boolean {
  return suite.startsWith('TLS_');
}

/** A version none of whose suites is named is not spoken: OpenSSL would speak it with suites of its own choice. */
function toSuites({
  minVersion,
  maxVersion,
  cipherSuites,
}: ListenerTls): Pick<Extract<TlsPlan, { readonly mode: 'terminate' }>, 'minVersion' | 'maxVersion' | 'ciphers'> {
  const suites = cipherSuites.length > 0 ? cipherSuites : defaultCiphers;
  return {
    minVersion: suites.every(isSuiteOf13) ? 'TLSv1.3' : toVersion(minVersion),
    maxVersion: suites.some(isSuiteOf13) ? toVersion(maxVersion) : 'TLSv1.2',
    ciphers: suites.join(':'),
  };
}

function toVersion(version: TlsVersion): TlsVersionName | undefined {
  switch (version) {
    case TlsVersion.TLS_VERSION_UNSPECIFIED:
      return undefined;
    case TlsVersion.TLS_VERSION_1_2:
      return 'TLSv1.2';
    case TlsVersion.TLS_VERSION_1_3:
      return 'TLSv1.3';
    default:
      throw new Error('this version of TLS is not known to this version');
  }
}

/** What cannot be read restricts no less than what can: nobody is let in. */
function toClients({ clientValidation }: ListenerTls): ClientsPlan | undefined {
  if (!clientValidation) return undefined;
  const { mode, caCertificates, invalid } = clientValidation;
  return { mode: toClientMode(mode), ca: caCertificates, invalid: invalid || undefined };
}

function toClientMode(mode: ClientValidation['mode']): ClientsPlan['mode'] {
  switch (mode) {
    case ClientValidation_Mode.REQUIRE:
      return 'require';
    case ClientValidation_Mode.REQUEST:
      return 'request';
    default:
      throw new Error('this way to validate clients is not known to this version');
  }
}
