// Time-outs and retries as a route's own fields say them (Gateway API HTTPRouteTimeouts, HTTPRouteRetry).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestGateway } from '../../kit/gateway.ts';
import { type Upstream, startUpstream } from '../../kit/http.ts';
import { ask, gateway, httpRoutes, ref, service, startApi } from './kit.ts';

let upstream: Upstream;
let resetting: Upstream;
let api: TestGateway;
/** Tries by the id that a request carries. */
const tries = new Map<string, number>();
const held: (() => void)[] = [];

const rule = (path: string, more: object, backend = 'web') => ({
  matches: [{ path: { type: 'PathPrefix', value: path } }],
  backendRefs: [ref(backend)],
  ...more,
});

beforeAll(async () => {
  // Answers as the query says: `fail` times with `code`, then 200; `hold` never answers.
  upstream = await startUpstream((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    const id = searchParams.get('id') ?? '';
    const tried = (tries.get(id) ?? 0) + 1;
    tries.set(id, tried);
    const finish = (): void => {
      if (response.headersSent) return;
      response.writeHead(tried <= Number(searchParams.get('fail') ?? 0) ? Number(searchParams.get('code')) : 200);
      response.end('done');
    };
    if (searchParams.has('hold')) held.push(finish);
    else request.resume().on('end', finish);
  });
  resetting = await startUpstream((request) => {
    const id = new URL(request.url ?? '', 'http://x').searchParams.get('id') ?? '';
    tries.set(id, (tries.get(id) ?? 0) + 1);
    request.socket.resetAndDestroy();
  });
  api = await startApi(
    gateway(),
    service('web', upstream.port),
    service('resetting', resetting.port),
    httpRoutes('r', [
      rule('/request', { timeouts: { request: '100ms' } }),
      rule('/backend', { timeouts: { backendRequest: '100ms' } }),
      rule('/both', {
        timeouts: { request: '300ms', backendRequest: '100ms' },
        retry: { attempts: 50, backoff: '1ms' },
      }),
      rule('/off', { timeouts: { request: '0s', backendRequest: '0s' } }),
      rule('/three', { retry: { codes: [500], attempts: 3, backoff: '1ms' } }),
      rule('/two', { retry: { codes: [500, 502, 503, 504], attempts: 2, backoff: '1ms' } }),
      rule('/never', { retry: { codes: [500], attempts: 0 } }),
      rule('/reset', { retry: { attempts: 2, backoff: '1ms' } }, 'resetting'),
    ]),
  );
});

afterAll(async () => {
  for (const finish of held) finish();
  await api[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await resetting[Symbol.asyncDispose]();
});

describe('time-outs (HTTPRouteTimeoutRequest, HTTPRouteTimeoutBackendRequest)', () => {
  test.each(['/request', '/backend', '/both'])('%s answers 504 when it is over', async (path) => {
    expect((await ask(api, `${path}?hold&id=${path}`)).status).toBe(504);
  });

  test('0s switches one off', async () => {
    const answer = ask(api, '/off?hold&id=off');
    await expect.poll(() => tries.get('off'), { timeout: 20_000 }).toBe(1);
    const waited = await Promise.race([answer, new Promise((resolve) => setTimeout(() => resolve('waiting'), 400))]);
    expect(waited).toBe('waiting');
    held.at(-1)!();
    expect((await answer).status).toBe(200);
  });
});

describe('retries (HTTPRouteRetry): attempts counts retries, and the last status is given unchanged', () => {
  test.each([
    ['/three', 500, 2, 200, 3],
    ['/three', 500, 4, 500, 4],
    ['/three', 503, 1, 503, 1],
    ['/two', 500, 1, 200, 2],
    ['/two', 502, 1, 200, 2],
    ['/two', 503, 3, 503, 3],
    ['/two', 504, 3, 504, 3],
    ['/never', 500, 1, 500, 1],
  ])('%s: %i, failing %i times, is answered %i after %i tries', async (...[path, code, fail, status, count]) => {
    const id = `${path}-${code}-${fail}`;
    const answer = await ask(api, `${path}?code=${code}&fail=${fail}&id=${id}`, { method: 'POST', body: 'again' });
    expect([answer.status, tries.get(id)]).toEqual([status, count]);
  });

  test('broken connections are tried again without being listed', async () => {
    expect([502, 503]).toContain((await ask(api, '/reset?id=reset', { method: 'POST', body: 'x' })).status);
    expect(tries.get('reset')).toBe(3);
  });
});
