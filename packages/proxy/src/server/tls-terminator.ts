// Ends the TLS of listeners: certificates by server name, client certificates, versions and ciphers; rotation drops no connection.
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Server, type TLSSocket, createServer } from 'node:tls';
import type { SecretReference } from '@agentgateway/core/environment.ts';
import type { TlsFacts } from '@agentgateway/core/exchange.ts';
import { chooseCertificates } from '../snapshot/bind-plan.ts';
import type { TlsPlan } from '../snapshot/tls-plan.ts';
import type { ServerLimits } from './limits.ts';

/** TLS that ends here. */
export type TerminatePlan = Extract<TlsPlan, { readonly mode: 'terminate' }>;

/** What a terminator needs. */
export interface TlsTerminatorParts {
  /** The current text of a secret. */
  readonly secret: (reference: SecretReference) => string | undefined;
  readonly limits: ServerLimits;
}

/** A connection whose ClientHello was looked at. */
export interface Handshake {
  readonly socket: Socket;
  readonly plan: TerminatePlan;
  /** The name that the client asks for, lower-case. */
  readonly serverName: string | undefined;
  readonly secured: (socket: TLSSocket, facts: Omit<TlsFacts, 'listener'>) => void;
  /** Why there is no connection, in a sentence. */
  readonly failed: (message: string) => void;
}

/** A certificate with its key, as they are now. */
interface KeyPair {
  readonly certificate: string;
  readonly key: string;
  /** DNS names in lower case. */
  readonly names: readonly string[];
  /** Kind of the key: a client verifies some of them only. */
  readonly kind: string;
}

/** What is open for one listener's TLS. */
interface Opened {
  /** The texts that all was made from. */
  readonly texts: string;
  readonly pairs: readonly KeyPair[];
  /** By the certificates that they show. */
  readonly servers: Map<string, Server>;
}

/** Ends TLS on connections that others accepted. */
export class TlsTerminator {
  readonly #parts: TlsTerminatorParts;
  readonly #opened = new WeakMap<TerminatePlan, Opened>();
  /** Under way, by the address they come from: node's servers know their sockets by nothing else. */
  readonly #waiting = new Map<string, Handshake>();

  constructor(parts: TlsTerminatorParts) {
    this.#parts = parts;
  }

  /** Shakes hands. Exactly one of `secured` and `failed` is called; after `failed` the socket is closed or about to be. */
  secure(handshake: Handshake): void {
    const { socket, plan } = handshake;
    let server: Server;
    try {
      const invalid = plan.clients?.invalid;
      // Nobody can show a certificate that would be believed, so nobody gets in (fail closed).
      if (invalid !== undefined) throw new Error(`clients cannot be validated: ${invalid}`);
      server = this.#serverFor(handshake);
    } catch (error) {
      handshake.failed(error instanceof Error ? toMessage(error) : 'TLS cannot be served');
      socket.destroy();
      return;
    }
    const id = idOf(socket);
    this.#waiting.set(id, handshake);
    socket.once('close', () => {
      if (this.#waiting.get(id) === handshake) this.#take(id)!.failed('the client left during the handshake');
    });
    server.emit('connection', socket);
  }

  /** Breaks off all handshakes that are under way. */
  breakOff(): void {
    for (const [id, { socket, failed }] of this.#waiting) {
      this.#waiting.delete(id);
      failed('the gateway is shutting down');
      socket.destroy();
    }
  }

  /**
   * The server that shows what is to be shown for a name. One for each choice of certificates, since node's own choice by
   * name (SNICallback) knows one certificate a name, and leaves those of other kinds in place that are for other names.
   */
  #serverFor({ plan, serverName }: Handshake): Server {
    const { pairs, servers } = this.#open(plan);
    const shown = firstOfEachKind(chooseCertificates(pairs, serverName));
    const id = shown.map((pair) => pairs.indexOf(pair)).join(' ');
    let server = servers.get(id);
    if (!server) {
      server = this.#serve(plan, shown);
      servers.set(id, server);
    }
    return server;
  }

  /** A certificate that was renewed is shown in handshakes from now on; connections go on. */
  #open(plan: TerminatePlan): Opened {
    const texts = plan.certificates.map(({ certificate, key }) => [this.#read(certificate), this.#read(key)] as const);
    const joined = texts.flat().join('\n');
    let opened = this.#opened.get(plan);
    if (opened?.texts !== joined) {
      opened = {
        texts: joined,
        pairs: texts.map(([certificate, key]) => toPair(certificate, key)),
        servers: new Map(),
      };
      this.#opened.set(plan, opened);
    }
    return opened;
  }

  #serve({ clients, alpn, minVersion, maxVersion, ciphers }: TerminatePlan, shown: readonly KeyPair[]): Server {
    const server = createServer({
      handshakeTimeout: this.#parts.limits.headersTimeoutMs,
      cert: shown.map(({ certificate }) => certificate),
      key: shown.map(({ key }) => key),
      ...(minVersion && { minVersion }),
      ...(maxVersion && { maxVersion }),
      ciphers,
      ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
      // Refused below and not by node, which would not say why.
      ...(clients && { requestCert: true, rejectUnauthorized: false, ca: clients.ca }),
    });
    server.on('secureConnection', (socket) => {
      const handshake = this.#take(idOf(socket));
      const refusal = clients?.mode === 'require' ? refusalOf(socket) : undefined;
      if (handshake && refusal === undefined) {
        handshake.secured(socket, factsOf(socket, handshake.serverName));
        return;
      }
      // Nobody else listens: what it still has to say must not end the process.
      socket.on('error', () => {}).destroy();
      handshake?.failed(refusal!);
    });
    server.on('tlsClientError', (error, socket) => {
      this.#take(idOf(socket))?.failed(toMessage(error));
      socket.destroy();
    });
    return server;
  }

  #take(id: string): Handshake | undefined {
    const handshake = this.#waiting.get(id);
    this.#waiting.delete(id);
    return handshake;
  }

  #read(reference: SecretReference): string {
    const text = this.#parts.secret(reference);
    if (text === undefined) throw new Error(`secret ${reference.secret} has no ${reference.entry}`);
    return text;
  }
}

function idOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

function factsOf(socket: TLSSocket, serverName: string | undefined): Omit<TlsFacts, 'listener'> {
  return { serverName, protocol: socket.getProtocol() ?? '', alpn: socket.alpnProtocol || undefined };
}

/** Why a client is not who must be let in. A resumed session counts by the certificate that it began with, which must be there. */
function refusalOf(socket: TLSSocket): string | undefined {
  if (socket.getPeerX509Certificate() === undefined) return 'the client shows no certificate';
  if (socket.authorized) return undefined;
  return `the client's certificate is not valid: ${String(socket.authorizationError)}`;
}

/** What went wrong, in OpenSSL's words where it knows, without where in its source. */
function toMessage(error: Error & { readonly code?: string; readonly reason?: string }): string {
  if (error.code === 'ECONNRESET') return 'the client left during the handshake';
  if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'the handshake took too long';
  return error.reason ?? error.message;
}

/** OpenSSL has room for one certificate of each kind. */
function firstOfEachKind(pairs: readonly KeyPair[]): KeyPair[] {
  return pairs.filter(({ kind }, index) => pairs.findIndex((other) => other.kind === kind) === index);
}

function toPair(certificate: string, key: string): KeyPair {
  const parsed = new X509Certificate(certificate);
  return { certificate, key, names: namesOf(parsed), kind: parsed.publicKey.asymmetricKeyType ?? '' };
}

/** The names that a certificate is for: its DNS names, or its common name where it has none, as old ones do. */
function namesOf({ subjectAltName, subject }: X509Certificate): string[] {
  const names = (subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice('DNS:'.length).toLowerCase());
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  return names.length > 0 || common === undefined ? names : [common.toLowerCase()];
}
