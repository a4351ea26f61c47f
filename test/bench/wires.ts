// The groups for TLS, HTTP/2, gRPC and WebSocket.
import { connect } from 'node:http2';
import type { Bench } from './bench.ts';
import { type LoadRequest, connections, load, loadOwn, loadStreams } from './load.ts';
import { type BenchRow, type Row, measureRows } from './rows.ts';
import { startWireSystems } from './wire-systems.ts';

/** A gRPC message of 100 bytes: not compressed, its length, and what is echoed. */
const grpcMessage = `\0\0\0\0\x64${'grpc '.repeat(20)}`;
const grpcPath = '/bench.Echo/Unary';
const grpcHeaders = { 'content-type': 'application/grpc', te: 'trailers' };

function oneKilobyteOf(base: string): LoadRequest {
  return { url: `${base}/1k.json`, headers: {}, body: undefined };
}

/** One call whose status is read: h2load takes every 200 for a success, and gRPC's failures are 200, too. */
async function checkGrpc(base: string): Promise<void> {
  const session = connect(base);
  try {
    await new Promise<void>((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': grpcPath, ...grpcHeaders });
      let status: unknown;
      const message: Buffer[] = [];
      session.on('error', reject);
      stream.on('error', reject);
      stream.on('response', (head) => (status ??= head['grpc-status']));
      stream.on('trailers', (trailers) => (status ??= trailers['grpc-status']));
      stream.on('data', (data: Buffer) => message.push(data));
      stream.on('end', () => {
        const isEcho = Buffer.concat(message).toString('latin1') === grpcMessage;
        if (status === '0' && isEcho) resolve();
        else reject(new Error(`grpc-status ${String(status)}, ${isEcho ? 'with' : 'without'} the echo`));
      });
      stream.end(grpcMessage, 'latin1');
    });
  } finally {
    session.close();
  }
}

const plainRow: Row = {
  name: 'tls-plain-1k',
  load: (base, seconds, folder) => load(oneKilobyteOf(base), seconds, folder),
};
const tlsRow: Row = { ...plainRow, name: 'tls-1k' };
const handshakeRow: Row = {
  name: 'tls-handshakes',
  load: (base, seconds) => loadOwn('tls-handshakes', base, seconds),
};
const http2Row: Row = {
  name: 'h2-100-streams',
  load: (base, seconds, folder) => loadStreams(oneKilobyteOf(base), { connections: 1, streams: 100 }, seconds, folder),
};
const grpcRow: Row = {
  name: 'grpc-unary',
  async load(base, seconds, folder) {
    await checkGrpc(base);
    const request = { url: `${base}${grpcPath}`, headers: grpcHeaders, body: grpcMessage };
    return loadStreams(request, { connections: connections / 8, streams: 8 }, seconds, folder);
  },
};
const websocketRow: Row = {
  name: 'websocket-echo',
  load: (base, seconds) => loadOwn('websocket-echo', base, seconds),
};

/** TLS beside plain text, kept alive and with a handshake for each request. */
export async function benchTls(bench: Bench): Promise<BenchRow[]> {
  const { rows, ratio } = await measureRows(bench, [plainRow, tlsRow, handshakeRow], await startWireSystems(bench));
  const measured = ratio('tls-1k', 'tls-plain-1k');
  if (measured !== undefined)
    bench.goal({ what: 'TLS keep-alive, CPU × plain text', measured, limit: 1.3, unit: ' ×' });
  return rows;
}

/** HTTP/2: many streams at a time, and gRPC. */
export async function benchHttp2(bench: Bench): Promise<BenchRow[]> {
  return (await measureRows(bench, [http2Row, grpcRow], await startWireSystems(bench))).rows;
}

/** WebSocket messages there and back. */
export async function benchWebSocket(bench: Bench): Promise<BenchRow[]> {
  return (await measureRows(bench, [websocketRow], await startWireSystems(bench))).rows;
}
