// Handshakes that never finish, whose bind goes meanwhile, or that are under way when a gateway ends.
import { once } from 'node:events';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeCertificate } from '../../../../test/kit/certificate.ts';
import { quiet } from '../../../../test/kit/http.ts';
import { skipAloud } from '../../../../test/skip.ts';
import { systemClock } from '../environment.ts';
import type { BindPlan, ListenerPlan } from '../snapshot/snapshot.ts';
import type { HandedOver } from '../tunnel/tcp-bind.ts';
import { type ServerLimits, serverLimits } from './limits.ts';
import { SecureTable } from './secure-table.ts';

const certificate = makeCertificate('a.test');
if (!certificate) skipAloud('handshakes that do not finish: openssl is missing');

interface Opened {
  readonly table: SecureTable;
  readonly port: number;
  readonly failures: string[];
  /** Connections that were handed over. */
  readonly accepted: Socket[];
  /** The binds that there are. */
  readonly binds: Map<string, BindPlan>;
}

const reference = (entry: string) => ({ secret: 'secret/default/a', entry });

/** A table behind a socket that hands over whatever it accepts. */
async function open(limits: Partial<ServerLimits> = {}): Promise<Opened> {
  const failures: string[] = [];
  const accepted: Socket[] = [];
  const listener = {
    key: 'l',
    protocol: 'HTTPS',
    tls: {
      mode: 'terminate',
      certificates: [{ certificate: reference('cert'), key: reference('key') }],
      minVersion: undefined,
      maxVersion: undefined,
      ciphers: 'TLS_AES_128_GCM_SHA256',
      alpn: [],
      clients: undefined,
    },
  } as unknown as ListenerPlan;
  const binds = new Map([['b', { key: 'b', listeners: [listener] } as unknown as BindPlan]]);
  const table = new SecureTable({
    log: quiet,
    clock: systemClock,
    trustedHops: 0,
    limits: { ...serverLimits, ...limits },
    plan: (key) => binds.get(key),
    secret: ({ entry }) => certificate![entry as 'cert' | 'key'],
    handle: () => Promise.resolve(),
    refused: () => {},
    proxy: () => {},
    failed: (_connection, message) => failures.push(message),
  });
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    table.accept({
      socket,
      bind: 'b',
      listener: { key: 'l' },
      ends: { source: { address: '127.0.0.1', port: 1 } },
      hello: { serverName: 'a.test' },
    } as unknown as HandedOver);
    accepted.push(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { table, port: (server.address() as { port: number }).port, failures, accepted, binds };
}

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe.skipIf(!certificate)('a handshake', () => {
  test('that never finishes is cut, and said to have taken too long', async () => {
    const { port, failures } = await open({ headersTimeoutMs: 50 });
    await once(dial(port), 'close');
    expect(failures).toEqual(['the handshake took too long']);
  });

  test('that is under way when the gateway ends is broken off, and counted once', async () => {
    const { table, port, failures, accepted } = await open();
    const client = dial(port);
    await once(client, 'connect');
    await expect.poll(() => accepted).toHaveLength(1);
    const closed = once(client, 'close');
    await table.drain(10_000);
    await closed;
    expect(failures).toEqual(['the gateway is shutting down']);
  });

  test('whose bind goes meanwhile serves nobody afterwards', async () => {
    const { port, binds, table, failures, accepted } = await open();
    const client = dial(port);
    await once(client, 'connect');
    await expect.poll(() => accepted).toHaveLength(1);
    binds.clear();
    table.closeAbsent(binds);
    const secured = connectTls({ socket: client, servername: 'a.test', rejectUnauthorized: false });
    secured.on('error', () => {});
    await once(secured, 'close');
    expect(failures).toEqual(['the listener went during the handshake']);
  });

  test('without a certificate fails at once', async () => {
    const { port, failures, binds } = await open();
    const [listener] = binds.get('b')!.listeners;
    const tls = { ...listener!.tls, certificates: [{ certificate: { secret: 's', entry: 'none' }, key: {} }] };
    binds.set('b', { key: 'b', listeners: [{ ...listener, tls }] } as unknown as BindPlan);
    await once(dial(port), 'close');
    expect(failures).toEqual(['secret s has no none']);
  });
});
