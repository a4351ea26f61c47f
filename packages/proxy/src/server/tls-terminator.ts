// Ends the TLS of listeners: certificates by server name, client certificates, versions and ciphers; rotation drops no connection.
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
  createSecureContext,
  createServer,
} from 'node:tls';
import type { Log, SecretReference } from '@agentgateway/core/environment.ts';
import type { TlsFacts } from '@agentgateway/core/exchange.ts';
import { chooseCertificates } from '../snapshot/bind-plan.ts';
import type { TlsPlan } from '../snapshot/tls-plan.ts';
import type { ServerLimits } from './limits.ts';

/** TLS that ends here. */
export type TerminatePlan = Extract<TlsPlan, { readonly mode: 'terminate' }>;

/** What a terminator needs. */
export interface TlsTerminatorParts {
  readonly log: Log;
  /** The current text of a secret. */
  readonly secret: (reference: SecretReference) => string | undefined;
  readonly limits: ServerLimits;
}

/** A certificate with its key, as they are now. */
interface KeyPair {
  readonly certificate: string;
  readonly key: string;
  /** DNS names in lower case. */
  readonly names: readonly string[];
}

/** A connection whose handshake is under way. */
interface Pending {
  readonly secured: (socket: TLSSocket, facts: Omit<TlsFacts, 'listener'>) => void;
  readonly failed: (error: Error) => void;
}

/** What is open for one listener's TLS. */
interface Opened {
  readonly server: Server;
  /** The texts that the contexts were made from. */
  texts: string;
  pairs: readonly KeyPair[];
  readonly contexts: Map<string, SecureContext>;
}

/** Whose handshakes end how: node's server knows its sockets only by the address they come from. */
type Waiting = Map<string, Pending>;

/** Ends TLS on connections that others accepted. */
export class TlsTerminator {
  readonly #parts: TlsTerminatorParts;
  readonly #opened = new WeakMap<TerminatePlan, Opened>();
  readonly #waiting: Waiting = new Map();

  constructor(parts: TlsTerminatorParts) {
    this.#parts = parts;
  }

  /** Shakes hands. Exactly one of both is called; after `failed` the socket is closed or about to be. */
  secure(socket: Socket, plan: TerminatePlan, pending: Pending): void {
    const invalid = plan.clients?.invalid;
    if (invalid !== undefined) {
      // Nobody can show a certificate that would be believed, so nobody gets in (fail closed).
      pending.failed(new Error(`clients cannot be validated: ${invalid}`));
      socket.destroy();
      return;
    }
    let opened: Opened;
    try {
      opened = this.#open(plan);
    } catch (error) {
      pending.failed(error instanceof Error ? error : new Error('TLS cannot be served'));
      socket.destroy();
      return;
    }
    const id = idOf(socket);
    this.#waiting.set(id, pending);
    const gone = (): void => {
      if (this.#waiting.delete(id)) pending.failed(new Error('the connection ended during the handshake'));
    };
    socket.once('close', gone);
    opened.server.emit('connection', socket);
  }

  #open(plan: TerminatePlan): Opened {
    const texts = plan.certificates.map(({ certificate, key }) => [this.#read(certificate), this.#read(key)] as const);
    const joined = texts.flat().join('\n');
    const known = this.#opened.get(plan);
    if (known?.texts === joined) return known;
    const pairs = texts.map(([certificate, key]) => ({ certificate, key, names: namesOf(certificate) }));
    if (known) {
      // A certificate was renewed: handshakes from now on show it, connections go on.
      known.server.setSecureContext(this.#contextOptions(plan, chooseCertificates(pairs, undefined)));
      known.texts = joined;
      known.pairs = pairs;
      known.contexts.clear();
      return known;
    }
    const opened: Opened = { server: this.#serve(plan, pairs), texts: joined, pairs, contexts: new Map() };
    this.#opened.set(plan, opened);
    return opened;
  }

  #serve(plan: TerminatePlan, pairs: readonly KeyPair[]): Server {
    const { clients, alpn } = plan;
    const server = createServer({
      handshakeTimeout: this.#parts.limits.headersTimeoutMs,
      requestCert: clients !== undefined,
      rejectUnauthorized: clients?.mode === 'require',
      ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
      SNICallback: (name, done) => {
        try {
          done(null, this.#context(plan, name));
        } catch (error) {
          done(error instanceof Error ? error : new Error('no certificate can be shown'));
        }
      },
      // Without a server name the callback is not asked.
      ...this.#contextOptions(plan, chooseCertificates(pairs, undefined)),
    });
    server.on('secureConnection', (socket) => {
      const pending = this.#take(idOf(socket));
      if (pending) pending.secured(socket, factsOf(socket));
      else socket.destroy();
    });
    server.on('tlsClientError', (error, socket) => {
      this.#take(idOf(socket))?.failed(error);
      socket.destroy();
    });
    return server;
  }

  #take(id: string): Pending | undefined {
    const pending = this.#waiting.get(id);
    this.#waiting.delete(id);
    return pending;
  }

  #contextOptions(plan: TerminatePlan, shown: readonly KeyPair[]): SecureContextOptions {
    const { minVersion, maxVersion, ciphers, clients } = plan;
    return {
      cert: shown.map(({ certificate }) => certificate),
      key: shown.map(({ key }) => key),
      ...(minVersion && { minVersion }),
      ...(maxVersion && { maxVersion }),
      ...(ciphers !== undefined && { ciphers }),
      ...(clients && { ca: clients.ca }),
    };
  }

  /** What is shown for a name; for an RSA and an ECDSA certificate of one host, both. */
  #context(plan: TerminatePlan, name: string | undefined): SecureContext {
    const { pairs, contexts } = this.#open(plan);
    const chosen = chooseCertificates(pairs, name);
    const id = chosen.map((pair) => pairs.indexOf(pair)).join(' ');
    let context = contexts.get(id);
    if (!context) {
      context = createSecureContext(this.#contextOptions(plan, chosen));
      contexts.set(id, context);
    }
    return context;
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

function factsOf(socket: TLSSocket): Omit<TlsFacts, 'listener'> {
  const { servername } = socket as TLSSocket & { servername?: string | false };
  return {
    serverName: servername || undefined,
    protocol: socket.getProtocol() ?? '',
    alpn: socket.alpnProtocol || undefined,
  };
}

/** The names that a certificate is for: its DNS names, or its common name where it has none, as old ones do. */
function namesOf(certificate: string): string[] {
  const { subjectAltName, subject } = new X509Certificate(certificate);
  const names = (subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice('DNS:'.length).toLowerCase());
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  return names.length > 0 || common === undefined ? names : [common.toLowerCase()];
}
