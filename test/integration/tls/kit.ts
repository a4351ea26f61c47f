// Gateways with certificates, and clients that speak TLS to them: what the tests of TLS are made of.
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type RequestOptions, request } from 'node:https';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import { describe, expect, onTestFinished } from 'vitest';
import { hasOpenssl, makeAuthority } from '../../kit/authority.ts';
import type { TestCertificate } from '../../kit/certificate.ts';
import type { TestGateway } from '../../kit/gateway.ts';
import { skipAloud } from '../../skip.ts';
import { gateway, manifests, startApi } from '../gateway-api/kit.ts';

/** A suite that needs certificates: skipped aloud without an openssl to make them. */
export function describeTls(what: string, suite: () => void): void {
  if (hasOpenssl()) describe(what, suite);
  else {
    skipAloud(`${what}: openssl is missing`);
    describe.skip(what, () => {});
  }
}

/** The authority that clients of the tests trust; the same for all tests of a file. */
export const authority = hasOpenssl() ? makeAuthority() : { cert: '', issue: () => ({ cert: '', key: '' }) };

/** A Secret with a certificate. */
export function certificateSecret(name: string, { cert, key }: TestCertificate): string {
  return manifests({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': cert, 'tls.key': key },
  });
}

/** A ConfigMap with the certificate of an authority. */
export function authorityMap(name: string, cert: string): string {
  return manifests({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { 'ca.crt': cert },
  });
}

/** An HTTPS listener that shows certificates of these Secrets. */
export function https(secrets: readonly string[], more: object = {}, options?: object): object {
  return {
    protocol: 'HTTPS',
    tls: { certificateRefs: secrets.map((name) => ({ name })), ...(options && { options }) },
    ...more,
  };
}

/** The Gateway `g` with TLS of its own: of its clients, `frontend`, and to backends. */
export function gatewayWith(tls: object, listeners?: readonly object[]): string {
  return gateway(listeners).replace('[{"name":"g",', `[{"name":"g","tls":${JSON.stringify(tls)},`);
}

/** A gateway that is over with the test, and that can be given other texts. */
export async function startTls(
  ...texts: readonly string[]
): Promise<TestGateway & { edit(...texts: string[]): Promise<void> }> {
  const api = await startApi(...texts);
  onTestFinished(() => api[Symbol.asyncDispose]());
  const edit = async (...next: string[]): Promise<void> => {
    const before = api.gateway.store.current.generation;
    writeFileSync(`${api.file}.new`, next.join('').replaceAll('PORT', String(portOf(api))));
    renameSync(`${api.file}.new`, api.file);
    await expect.poll(() => api.gateway.store.current.generation, { timeout: 10_000 }).toBeGreaterThan(before);
  };
  return Object.assign(api, { edit });
}

/** The port of a gateway. */
export function portOf(api: TestGateway): number {
  return Number(new URL(api.url).port);
}

/** What was answered, and on what connection. */
export interface SecureAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Common name of the certificate that was shown. */
  readonly shown: string;
  /** Protocol by ALPN. */
  readonly alpn: string | false | null;
}

/** What is asked, and with what certificate. */
export type Asked = ConnectionOptions & {
  /** The SNI where it is left out. */
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
};

/** Asks over HTTPS on a connection of its own. */
export async function askTls(
  port: number,
  servername: string,
  { host = servername, path = '/', ...options }: Asked = {},
): Promise<SecureAnswer> {
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    servername,
    headers: { host },
    agent: false,
    ca: authority.cert,
    checkServerIdentity: () => undefined,
    ...options,
  } as RequestOptions).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const socket = response.socket as TLSSocket;
  const shown = commonNameOf(socket);
  const { alpnProtocol: alpn } = socket;
  let body = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  await once(response, 'end');
  return { status: response.statusCode!, headers: response.headers, body, shown, alpn };
}

/** The certificate that the other side of a connection shows. */
export function commonNameOf(socket: TLSSocket): string {
  // A session that is resumed shows none.
  return String(socket.getPeerCertificate().subject?.CN ?? '');
}

/** Opens a connection of TLS, and rejects where there is none. */
export async function dialTls(port: number, servername: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername,
    ca: authority.cert,
    checkServerIdentity: () => undefined,
    ...options,
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  return socket;
}

/** Shakes hands and asks, which takes both: in TLS 1.3 a client learns only then that it is refused. The code of the error, or the status. */
export function tryTls(port: number, servername: string, options: Asked = {}): Promise<string | number> {
  return askTls(port, servername, options).then(
    ({ status }) => status,
    (error: unknown) => String((error as NodeJS.ErrnoException).code),
  );
}

/** Opens a session of HTTP/2, which ends with the test. */
export async function dialHttp2(port: number, servername: string, options: object = {}): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    servername,
    ca: authority.cert,
    checkServerIdentity: () => undefined,
    ...options,
  });
  onTestFinished(() => session.destroy());
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

/** Asks in a session. */
export async function askHttp2(
  session: ClientHttp2Session,
  host: string,
  path = '/',
): Promise<{ readonly status: number; readonly headers: Record<string, unknown>; readonly body: string }> {
  const stream = session.request({ ':authority': host, ':path': path });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  let body = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  await once(stream, 'end');
  return { status: Number(headers[':status']), headers, body };
}
