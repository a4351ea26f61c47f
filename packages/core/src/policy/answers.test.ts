// directResponse, fault, delay and buffer: what stands between a request and its backend.
import { describe, expect, test, vi } from 'vitest';
import { Body } from '../body.ts';
import { GatewayError } from '../errors.ts';
import type { Reply } from '../exchange.ts';
import type { Step } from '../phases.ts';
import { isAccepted, makeExchange, pairs, write, writeStep } from './fixture.ts';

function answer(step: Step): Reply {
  return step.request!(makeExchange()) as Reply;
}

function failing(spec: object, random = 0): unknown {
  try {
    return writeStep('fault', spec, { random: () => random }).request?.(makeExchange());
  } catch (error) {
    return error;
  }
}

function arriving(...chunks: string[]): Body {
  return Body.from({
    async pipe(sink) {
      for (const chunk of chunks) await sink.write(Buffer.from(chunk));
      return undefined;
    },
    cancel() {},
  });
}

describe('directResponse', () => {
  test('answers, each time with headers of its own', () => {
    const step = writeStep('directResponse', {
      status: 418,
      body: 'short',
      headers: [{ name: 'x-tea', value: 'pot' }],
    });
    const first = answer(step);
    expect(first).toMatchObject({ status: 418, origin: 'policy' });
    expect(pairs(first.headers)).toEqual([
      ['x-tea', 'pot'],
      ['content-type', 'text/plain; charset=utf-8'],
    ]);
    expect(Buffer.from(first.body.buffered!).toString()).toBe('short');
    first.headers.append('x-more', '1');
    expect(answer(step).headers.has('x-more')).toBe(false);
  });

  test('its own content-type stays, and nothing is 200 without a body', () => {
    const typed = writeStep('directResponse', {
      body: '{}',
      headers: [{ name: 'Content-Type', value: 'application/json' }],
    });
    expect(pairs(answer(typed).headers)).toEqual([['Content-Type', 'application/json']]);
    const empty = answer(writeStep('directResponse', {}));
    expect([empty.status, empty.body.kind, empty.headers.size]).toEqual([200, 'none', 0]);
  });

  test.each([
    [{ status: 204, body: 'x' }, 'body'],
    [{ headers: [{ name: 'content-length', value: '1' }] }, 'headers[0].name'],
    [{ headers: [{ name: 'x-a', value: 'a\nb' }] }, 'headers[0].value'],
  ])('%j is refused at %s', (spec, path) => expect(write('directResponse', spec).problems).toMatchObject([{ path }]));

  test('interim statuses are none', () => expect(isAccepted('directResponse', { status: 101 })).toBe(false));
});

describe('fault', () => {
  test.each([
    [{}, 503, 14],
    [{ status: 400 }, 400, 13],
    [{ status: 401 }, 401, 16],
    [{ status: 404 }, 404, 12],
    [{ status: 500 }, 500, 2],
    [{ status: 500, grpcStatus: 8 }, 500, 8],
  ])('%j is %i, to gRPC %i', (spec, status, grpcCode) => {
    expect(failing(spec)).toMatchObject({ reason: 'fault-injected', status, grpcCode });
  });

  test.each([
    [{ percent: 0 }, 0, false],
    [{ percent: 100 }, 0.999_999, true],
    [{ percent: 10 }, 0.099, true],
    [{ percent: 10 }, 0.1, false],
    [{ fraction: { numerator: 1, denominator: 1000 } }, 0.0009, true],
    [{ fraction: { numerator: 1, denominator: 1000 } }, 0.001, false],
    [{ fraction: { numerator: 50 } }, 0.49, true],
  ])('%j at %d hits: %s', (spec, random, isHit) => {
    expect(failing(spec, random) instanceof GatewayError).toBe(isHit);
  });

  test.each([
    [{ percent: 1, fraction: { numerator: 1 } }, 'fraction'],
    [{ fraction: { numerator: 3, denominator: 2 } }, 'fraction'],
  ])('%j is refused', (spec, path) => expect(write('fault', spec).problems).toMatchObject([{ path }]));
  test.each([{ status: 200 }, { grpcStatus: 0 }, { percent: 101 }, { percent: 0.5 }])('%j is no fault', (spec) =>
    expect(isAccepted('fault', spec)).toBe(false),
  );
});

describe('delay', () => {
  test('waits for its exchange, or not at all', async () => {
    const pause = vi.fn(() => Promise.resolve());
    const exchange = makeExchange();
    await writeStep('delay', { duration: '1m30s', percent: 50 }, { pause, random: () => 0.49 }).request?.(exchange);
    expect(pause.mock.calls).toEqual([[90_000, exchange]]);
    expect(writeStep('delay', { duration: '1s', percent: 50 }, { pause, random: () => 0.5 }).request?.(exchange)).toBe(
      undefined,
    );
    expect(writeStep('delay', {}, { pause }).request?.(exchange)).toBe(undefined);
    expect(pause).toHaveBeenCalledTimes(1);
  });

  test('is bounded', () => expect(write('delay', { duration: '11m' }).problems).toMatchObject([{ path: 'duration' }]));
});

describe('buffer', () => {
  test('collects the body as it is, so that it can be sent in one piece', async () => {
    const exchange = makeExchange({ headers: [['content-encoding', 'gzip']] });
    Object.assign(exchange, { body: arriving('ab', 'cd') });
    await writeStep('buffer', { maxBytes: '4' }).request?.(exchange);
    expect(Buffer.from(exchange.body.buffered!).toString()).toBe('abcd');
    expect(exchange.headers.has('content-encoding')).toBe(true);
    exchange.release();
  });

  test('refuses a longer one', async () => {
    const exchange = makeExchange();
    Object.assign(exchange, { body: arriving('ab', 'cde') });
    await expect(writeStep('buffer', { maxBytes: '4' }).request?.(exchange)).rejects.toMatchObject({ status: 413 });
  });

  test('has nothing to do without a body', () => {
    expect(writeStep('buffer', {}).request?.(makeExchange())).toBeUndefined();
    expect(write('buffer', { maxBytes: '257Mi' }).problems).toMatchObject([{ path: 'maxBytes' }]);
  });
});
