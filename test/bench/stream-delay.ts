// What a proxy adds to a stream: the time to its first byte, and the delay of each chunk between its writing and its arrival.
import { Agent, request } from 'node:http';
import type { LoadRequest } from './load.ts';

/** Times of one series of streams, in milliseconds. */
export interface StreamDelays {
  /** From the request to the first byte of the body. */
  readonly firstByteMs: number[];
  /** From the upstream's write of a chunk to its arrival. */
  readonly chunkMs: number[];
}

/** Asks for streams one after the other on one connection. The upstream marks each chunk with @nanoseconds@ of the machine's clock. */
export async function measureStreams(load: LoadRequest, count: number): Promise<StreamDelays> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const delays: StreamDelays = { firstByteMs: [], chunkMs: [] };
  try {
    // The first opens the connection and warms up.
    for (let index = -1; index < count; index++) {
      const one = await measureOne(load, agent);
      if (index < 0) continue;
      delays.firstByteMs.push(...one.firstByteMs);
      delays.chunkMs.push(...one.chunkMs);
    }
  } finally {
    agent.destroy();
  }
  return delays;
}

function measureOne({ url, headers, body }: LoadRequest, agent: Agent): Promise<StreamDelays> {
  return new Promise((resolve, reject) => {
    const delays: StreamDelays = { firstByteMs: [], chunkMs: [] };
    const startNs = process.hrtime.bigint();
    const outgoing = request(url, { method: 'POST', headers: { ...headers }, agent }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`${url} answered ${response.statusCode}`));
        response.resume();
        return;
      }
      response.on('data', (data: Buffer) => {
        const nowNs = process.hrtime.bigint();
        if (delays.firstByteMs.length === 0) delays.firstByteMs.push(Number(nowNs - startNs) / 1e6);
        for (const [, mark] of data.toString('latin1').matchAll(/@(\d+)@/g))
          delays.chunkMs.push(Number(nowNs - BigInt(mark!)) / 1e6);
      });
      response.on('end', () => resolve(delays));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
