// Ten thousand requests of every kind leave nothing behind (contract 18).
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Agent, request } from 'undici';
import { bodyBuffers } from '@agentgateway/core/body.ts';
import { Http2Client, RawClient, openLane, planned, startUpstream } from '../../kit/http.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heapBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

test('memory is flat from two to ten thousand requests', { timeout: 600_000 }, async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/silent') return;
    if (request.url === '/cut') {
      response.write('begun');
      setImmediate(() => response.destroy());
    } else if (request.url === '/broken') request.socket.destroy();
    else request.pipe(response);
  });
  const reads = planned('reads', { request: () => undefined, readsRequestBody: true });
  await using lane = await openLane({
    upstream: upstream.port,
    steps: [reads],
    timeouts: { requestMs: 5000, backendRequestMs: 4000, idleMs: 1000 },
  });
  const agent = new Agent({ connections: 16 });
  using modern = new Http2Client(lane.port);
  const base = `http://127.0.0.1:${lane.port}`;
  const post = async (path: string): Promise<void> => {
    const { body } = await request(base + path, { dispatcher: agent, method: 'POST', body: 'x'.repeat(500) });
    await body.text().catch(() => undefined);
  };
  const leave = async (): Promise<void> => {
    using client = new RawClient(lane.port);
    client.send('GET /silent HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const kinds = [
    (): Promise<void> => post('/'),
    (): Promise<void> => post('/'),
    (): Promise<void> => post('/cut'),
    (): Promise<void> => post('/broken'),
    (): Promise<void> => post('/nowhere'),
    (): Promise<unknown> => modern.ask('POST', '/', [], 'y'.repeat(500)),
    (): Promise<unknown> => modern.ask('GET', '/'),
    leave,
  ];
  let count = 0;
  const run = async (until: number): Promise<void> => {
    const workers = Array.from({ length: 16 }, async () => {
      while (count < until) {
        await kinds[count++ % kinds.length]!();
        lane.records.length = 0;
      }
    });
    await Promise.all(workers);
  };
  await run(2000);
  const before = await heapBytes();
  await run(10_000);
  const after = await heapBytes();
  await agent.destroy();
  expect(after).toBeLessThan(before * 1.1);
  expect(bodyBuffers.heldBytes).toBe(0);
});
