// What an HTTPBackend says becomes where and how its requests go.
import { create } from '@bufbuild/protobuf';
import { HTTPBackendSchema, UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { Body } from '@agentgateway/core/body.ts';
import { Exchange, type SnapshotView } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { defaultSettings } from '@agentgateway/core/settings.ts';
import { expect, test } from 'vitest';
import type { UpstreamRequest } from '../../upstream/request.ts';
import type { BackendEnvironment } from '../registry.ts';
import { compileHttpBackend } from './compile.ts';

type Fields = Parameters<typeof create<typeof HTTPBackendSchema>>[1];

async function sentTo(fields: Fields, rewrite?: string): Promise<UpstreamRequest> {
  let sent: UpstreamRequest | undefined;
  const environment = {
    monotonicMs: () => 0,
    random: () => 0,
    state: (_identity: string, open: () => unknown) => open(),
    transport: {
      dispatch(request: UpstreamRequest) {
        sent = request;
        return Promise.resolve({ status: 200, headers: new HeaderList(), body: Body.none() });
      },
    },
  } as unknown as BackendEnvironment;
  const target = compileHttpBackend('backend/default/x', create(HTTPBackendSchema, fields), environment);
  const exchange = new Exchange(
    {
      id: '1',
      method: 'GET',
      scheme: 'http',
      authority: 'client.test',
      path: '/p',
      query: 'q',
      httpVersion: '1.1',
      headers: new HeaderList(),
      body: Body.none(),
      client: { address: '127.0.0.1', port: 1 },
      tls: undefined,
      startMs: 0,
      startEpochMs: 0,
    },
    {} as SnapshotView,
  );
  if (rewrite !== undefined) exchange.authority = rewrite;
  await target.call(exchange, { settings: defaultSettings, port: 0 });
  expect(exchange.attempts).toMatchObject([{ backend: 'backend/default/x', status: 200 }]);
  return sent!;
}

test('the backend is addressed by its own name, with the port where it is not the usual one', async () => {
  expect(await sentTo({ host: 'api.test', port: 80 })).toMatchObject({
    authority: 'api.test',
    path: '/p?q',
    protocol: 'http1',
    endpoint: { address: 'api.test', port: 80 },
  });
  expect((await sentTo({ host: 'api.test', port: 8080 })).authority).toBe('api.test:8080');
  expect((await sentTo({ host: '::1', port: 8080 })).authority).toBe('[::1]:8080');
});

test('an authority that a policy gave the request is kept', async () => {
  expect((await sentTo({ host: 'api.test', port: 80 }, 'other.test:81')).authority).toBe('other.test:81');
});

test('TLS uses the server name that is given, else the host', async () => {
  const plain = await sentTo({ host: 'api.test', port: 443, tls: {} });
  expect(plain).toMatchObject({ authority: 'api.test', endpoint: { tls: { serverName: 'api.test' } } });
  const named = await sentTo({ host: '10.0.0.1', port: 443, tls: { serverName: 'api.test' } });
  expect(named).toMatchObject({ authority: '10.0.0.1', endpoint: { tls: { serverName: 'api.test' } } });
});

test('HTTP/2 is spoken where it is asked for', async () => {
  expect((await sentTo({ host: 'a', port: 80, protocol: UpstreamProtocol.HTTP2 })).protocol).toBe('http2');
});
