// Backends that speak TLS and tell how they were spoken to.
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { type ServerOptions, createServer } from 'node:https';
import type { Server, TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { manifests } from '../gateway-api/kit.ts';

/** What a backend got. */
export interface SecureRequest {
  /** The SNI; empty without one. */
  readonly sni: string;
  /** Common name of the certificate that the gateway showed; empty without one. */
  readonly client: string;
  readonly host: string;
  readonly path: string;
}

/** A backend; it is over with the test. */
export interface SecureEcho {
  readonly port: number;
  readonly server: Server;
  /** Handshakes so far. */
  readonly connections: number;
}

/** Starts a backend that answers with what it got; `h2` speaks HTTP/2 alone. */
export async function startSecureEcho(
  options: ServerOptions & { readonly cert: string; readonly key: string },
  protocol: 'http/1.1' | 'h2' = 'http/1.1',
): Promise<SecureEcho> {
  const server =
    protocol === 'h2'
      ? createSecureServer(options, (request, response) =>
          response.end(
            toAnswer(request.stream.session!.socket as TLSSocket, request.headers[':authority'], request.url),
          ),
        )
      : createServer(options, (request, response) =>
          response.end(toAnswer(request.socket as TLSSocket, request.headers.host, request.url)),
        );
  const sockets = new Set<TLSSocket>();
  let connections = 0;
  server.on('secureConnection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    server,
    port: (server.address() as { port: number }).port,
    get connections() {
      return connections;
    },
  };
}

/** The manifests of a BackendTLSPolicy that says how a Service is verified. */
export function backendTlsPolicy(
  name: string,
  target: string | { readonly name: string; readonly sectionName: string },
  validation: object,
): string {
  const targetRef = { group: '', kind: 'Service', ...(typeof target === 'string' ? { name: target } : target) };
  return manifests({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name, namespace: 'default' },
    spec: { targetRefs: [targetRef], validation },
  });
}

/** Trust in the authorities of ConfigMaps, and a name. */
export function trust(maps: readonly string[], hostname: string, subjectAltNames: readonly object[] = []): object {
  return {
    caCertificateRefs: maps.map((name) => ({ group: '', kind: 'ConfigMap', name })),
    hostname,
    ...(subjectAltNames.length > 0 && { subjectAltNames }),
  };
}

/** The policy `backendTLS` of a Service. */
export function backendTls(name: string, spec: object): string {
  return manifests({
    apiVersion: 'agentgateway.dev/v1alpha1',
    kind: 'Policy',
    metadata: { name, namespace: 'default' },
    spec: { targetRefs: [{ group: '', kind: 'Service', name }], backendTLS: spec },
  });
}

function toAnswer(socket: TLSSocket, host: string | undefined, path: string | undefined): string {
  const { servername } = socket as TLSSocket & { servername?: string | false };
  const client = socket.getPeerCertificate()?.subject?.CN;
  return JSON.stringify({ sni: servername || '', client: client ?? '', host, path });
}
