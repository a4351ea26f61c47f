// A Service is reached at its endpoints in turn, by port, with the client's own authority.
import { create } from '@bufbuild/protobuf';
import { ServiceBackendSchema, UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { Body } from '@agentgateway/core/body.ts';
import { type EndpointAddress, Exchange, type SnapshotView } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { defaultSettings } from '@agentgateway/core/settings.ts';
import { expect, test } from 'vitest';
import type { Target } from '@agentgateway/core/target.ts';
import type { UpstreamRequest } from '../../upstream/request.ts';
import type { BackendEnvironment } from '../registry.ts';
import { compileServiceBackend } from './compile.ts';

const sent: UpstreamRequest[] = [];
const held = new Map<string, unknown>();
const environment = {
  monotonicMs: () => 0,
  random: () => 0,
  state(identity: string, open: () => unknown) {
    if (!held.has(identity)) held.set(identity, open());
    return held.get(identity);
  },
  transport: {
    dispatch(request: UpstreamRequest) {
      sent.push(request);
      return Promise.resolve({ status: 200, headers: new HeaderList(), body: Body.none() });
    },
  },
} as unknown as BackendEnvironment;
const compile = (): Target =>
  compileServiceBackend(
    'backend/shop/cart',
    create(ServiceBackendSchema, { ports: [{ port: 80 }, { port: 90, protocol: UpstreamProtocol.HTTP2 }] }),
    environment,
  );
let target = compile();

async function call(port: number, endpoints: readonly EndpointAddress[] | undefined): Promise<UpstreamRequest> {
  const asked: string[] = [];
  const snapshot = {
    endpoints(key: string) {
      asked.push(key);
      return endpoints;
    },
  } as unknown as SnapshotView;
  const head = {
    id: '1',
    method: 'GET',
    scheme: 'http',
    authority: 'client.test',
    path: '/',
    query: undefined,
    httpVersion: '1.1',
    headers: new HeaderList(),
    body: Body.none(),
    client: { address: '127.0.0.1', port: 1 },
    tls: undefined,
    startMs: 0,
    startEpochMs: 0,
  } as const;
  await target.call(new Exchange(head, snapshot), { settings: defaultSettings, port });
  expect(asked).toEqual([`endpoints/shop/cart/${port}`]);
  return sent.at(-1)!;
}

test('endpoints take turns', async () => {
  const endpoints = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({ address, port: 8080 }));
  const chosen: string[] = [];
  for (let i = 0; i < 6; i++) chosen.push((await call(80, endpoints)).endpoint.address);
  expect(new Set(chosen.slice(0, 3)).size).toBe(3);
  expect(chosen.slice(3)).toEqual(chosen.slice(0, 3));
});

test('an edit of the Service does not start the turns anew, and a port does not take another port’s turn', async () => {
  const endpoints = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({ address, port: 8080 }));
  const chosen: string[] = [];
  for (let i = 0; i < 3; i++) {
    chosen.push((await call(80, endpoints)).endpoint.address);
    await call(90, endpoints);
    target = compile();
  }
  expect(new Set(chosen).size).toBe(3);
});

test('a port that the Service does not have has no endpoint', async () => {
  await expect(call(70, [{ address: '10.0.0.1', port: 8080 }])).rejects.toMatchObject({
    reason: 'no-healthy-endpoint',
  });
});

test('the client keeps its authority, and the port decides the protocol', async () => {
  const endpoints = [{ address: '10.0.0.1', port: 8080 }];
  expect(await call(80, endpoints)).toMatchObject({ authority: 'client.test', protocol: 'http1' });
  expect(await call(90, endpoints)).toMatchObject({ authority: 'client.test', protocol: 'http2' });
});

test.each([[undefined], [[]]])('without a ready endpoint it says so', async (endpoints) => {
  await expect(call(80, endpoints)).rejects.toMatchObject({ reason: 'no-healthy-endpoint', status: 503 });
});
