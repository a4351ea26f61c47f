// TLS to upstreams: whom the certificate must name, who must have signed it, what is shown, and which connections may be shared.
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import {
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContext,
  checkServerIdentity,
  createSecureContext,
} from 'node:tls';
import type { BackendTlsSettings } from '@agentgateway/core/settings.ts';
import { type UpstreamEndpoint, transportLimits } from './request.ts';

/** TLS to one endpoint. */
type EndpointTls = NonNullable<UpstreamEndpoint['tls']>;

/** Certificates and keys in force, by what they were made from; contexts are dear. */
const contexts = new Map<string, SecureContext>();

/**
 * What connections of one kind have in common: two with the same identity may be shared. A certificate that is renewed is
 * another identity, so that new requests show it and connections under way go on.
 */
export function toTlsIdentity({ serverName, settings }: EndpointTls): string {
  if (!settings) return serverName;
  const client = settings.clientCertificate;
  const shown = client ? digestOf([client.certificate.current() ?? '', client.key.current() ?? '']) : '';
  return `${serverName} ${settings.id} ${shown}`;
}

/** Options of a connection, but for the protocols that it offers. */
export function toTlsOptions({ serverName, settings }: EndpointTls): ConnectionOptions {
  return {
    // An address is no server name (RFC 6066 §3); it is verified against the certificate all the same.
    servername: isIP(serverName) === 0 ? serverName : '',
    checkServerIdentity: (_host, certificate) => checkIdentity(serverName, settings, certificate),
    ...(settings && { rejectUnauthorized: settings.isVerified, secureContext: toContext(settings) }),
  };
}

function toContext({ id, caCertificates, clientCertificate }: BackendTlsSettings): SecureContext {
  const certificate = clientCertificate?.certificate.current();
  const key = clientCertificate?.key.current();
  const identity = digestOf([id, certificate ?? '', key ?? '']);
  let context = contexts.get(identity);
  if (!context) {
    context = createSecureContext({
      // Without any it is what node trusts by default, to which NODE_EXTRA_CA_CERTS may add.
      ...(caCertificates.length > 0 && { ca: [...caCertificates] }),
      ...(certificate !== undefined && key !== undefined && { cert: certificate, key }),
    });
    if (contexts.size >= transportLimits.tlsContextsMax) contexts.clear();
    contexts.set(identity, context);
  }
  return context;
}

/** Alternative names stand in place of the server name (Gateway API BackendTLSPolicyValidation). */
function checkIdentity(
  serverName: string,
  settings: BackendTlsSettings | undefined,
  certificate: PeerCertificate,
): Error | undefined {
  const wanted = settings?.subjectAltNames ?? [];
  if (wanted.length === 0) return checkServerIdentity(serverName, certificate);
  const named = alternativesOf(certificate);
  const isNamed = wanted.some(({ kind, value }) =>
    kind === 'uri' ? named.uris.includes(value) : named.hosts.some((host) => isSameHost(host, value)),
  );
  return isNamed ? undefined : new UnexpectedName();
}

/** The certificate names nobody whom it should. */
class UnexpectedName extends Error {
  readonly code = 'ERR_TLS_CERT_ALTNAME_INVALID';

  constructor() {
    super('the certificate has none of the alternative names that are asked for');
  }
}

/** As node writes them: `DNS:a, URI:spiffe://b`, where what holds a comma or a quote is a JSON string. */
const alternative = /(?:^|, )(DNS|URI):("(?:[^"\\]|\\.)*"|[^,]*)/g;

function alternativesOf({ subjectaltname = '' }: PeerCertificate): {
  readonly hosts: string[];
  readonly uris: string[];
} {
  const hosts: string[] = [];
  const uris: string[] = [];
  for (const [, kind, text = ''] of subjectaltname.matchAll(alternative)) {
    const value = text.startsWith('"') ? (JSON.parse(text) as string) : text;
    if (kind === 'DNS') hosts.push(value.toLowerCase());
    else uris.push(value);
  }
  return { hosts, uris };
}

/** A wildcard on either side stands for one label (RFC 6125 §6.4.3). */
function isSameHost(host: string, wanted: string): boolean {
  if (host === wanted) return true;
  return covers(host, wanted) || covers(wanted, host);
}

function covers(pattern: string, name: string): boolean {
  return pattern.startsWith('*.') && name.includes('.') && name.slice(name.indexOf('.') + 1) === pattern.slice(2);
}

function digestOf(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}\n${text}`);
  return hash.digest('base64');
}
