// What policies and configuration say of an upstream reaches it, seen through the whole gateway or its data plane.
import { describe, expect, test } from 'vitest';
import type { Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '@agentgateway/proxy/backend/attempt.ts';
import type { BackendEnvironment } from '@agentgateway/proxy/backend/registry.ts';
import { systemClock } from '@agentgateway/proxy/environment.ts';
import { createTransport } from '@agentgateway/proxy/upstream/transport.ts';
import { startTestGateway } from '../../kit/gateway.ts';
import { ask, openLane, planned, quiet, startHttp2Upstream, startUpstream } from '../../kit/http.ts';

/** Where nothing can be called. */
const nowhere: HttpTarget = {
  backend: 'backend/default/nowhere',
  endpoint: { address: 'a b', port: 80 },
  tls: undefined,
  protocol: 'http1',
  authority: undefined,
};

interface AddressCase {
  readonly rule?: string;
  readonly policies?: string;
  readonly host: (port: number) => string;
}

describe('an HTTPBackend is addressed', () => {
  const rewrite = ', filters: [{ type: URLRewrite, urlRewrite: { hostname: rewritten.test } }]';
  const computed = `{ name: ':authority', expression: '"computed.test:81"' }`;
  const transformation = `policies:\n- { name: t, transformation: { request: { set: [${computed}] } } }`;
  test.each([
    ['its own name', { host: (port: number) => `127.0.0.1:${port}` }],
    ['the name that a route rewrites it to', { rule: rewrite, host: () => 'rewritten.test' }],
    ['the authority that a transformation computes', { policies: transformation, host: () => 'computed.test:81' }],
  ])('by %s', async (_what, { rule = '', policies = '', host }: AddressCase) => {
    await using upstream = await startUpstream((request, response) => response.end(request.headers.host));
    await using gateway = await startTestGateway(`
httpBackends:
- { name: api, host: 127.0.0.1, port: ${upstream.port} }
httpRoutes:
- { name: all, rules: [{ backendRefs: [{ group: agentgateway.dev, kind: HTTPBackend, name: api }]${rule} }] }
${policies}`);
    const answer = await fetch(`${gateway.url}/`);
    expect(await answer.text()).toBe(host(upstream.port));
  });
});

describe('the record of an attempt is closed', () => {
  test.each(['http1', 'http2'] as const)('when a policy’s header cannot be sent over %s', async (protocol) => {
    await using lane = await openLane({
      upstream: 1,
      protocol,
      steps: [
        planned('headerModifiers', {
          request(exchange) {
            exchange.headers.append('x-bad', 'one\r\ntwo');
            return undefined;
          },
        }),
      ],
    });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'provider-misconfigured' } });
    expect(answer.body).toContain('x-bad');
    const { exchange } = await lane.recorded();
    expect(exchange.attempts).toMatchObject([
      { reason: 'provider-misconfigured', endMs: expect.any(Number) as unknown },
    ]);
  });

  test('well, when a refused stream succeeds at the second try', async () => {
    let tries = 0;
    await using upstream = await startHttp2Upstream((stream) => {
      if (tries++ === 0) stream.close(7);
      else {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      }
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    expect(await ask(lane.port, 'GET / HTTP/1.1')).toMatchObject({ status: 200, body: 'ok' });
    const { attempts } = (await lane.recorded()).exchange;
    expect(attempts).toHaveLength(1);
    expect(attempts[0]).toMatchObject({ status: 200, endMs: expect.any(Number) as unknown });
    expect(attempts[0]!.reason).toBeUndefined();
  });

  test('once per try, with its status or its reason', async () => {
    let tries = 0;
    await using upstream = await startUpstream((request, response) => {
      tries++;
      if (tries === 1) request.socket.destroy();
      else {
        response.statusCode = tries === 2 ? 503 : 200;
        response.end('x');
      }
    });
    await using lane = await openLane({
      upstream: upstream.port,
      retry: { attempts: 2, codes: [503], backoffMs: 0 },
    });
    expect((await ask(lane.port, 'GET / HTTP/1.1')).status).toBe(200);
    const { attempts } = (await lane.recorded()).exchange;
    expect(attempts.map(({ status, reason }) => status ?? reason)).toEqual(['upstream-reset', 503, 200]);
    for (const { startMs, endMs } of attempts) expect(endMs).toBeGreaterThanOrEqual(startMs);
  });

  test('where there is no address to call', async () => {
    const transport = createTransport({ log: quiet, clock: systemClock });
    const environment = { ...systemClock, log: quiet, transport } as unknown as BackendEnvironment;
    const target: Target = { key: 'b', call: (exchange, plan) => callHttp(exchange, plan, environment, () => nowhere) };
    await using lane = await openLane({ upstream: target });
    expect((await ask(lane.port, 'GET / HTTP/1.1')).status).toBe(500);
    expect((await lane.recorded()).exchange.attempts).toMatchObject([
      { reason: 'backend-invalid', endMs: expect.any(Number) as unknown },
    ]);
    transport.close();
  });
});
