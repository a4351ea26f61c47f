// A stream between provider and client: when the head is committed, who waits for whom, and that its end is told once.
import { Body, type Sink } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { formats } from '@agentgateway/llm/format.ts';
import { describe, expect, test } from 'vitest';
import { PassingReader } from './read-frames.ts';
import { LlmStream, type WhenGone } from './stream.ts';

const text = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const done = 'data: [DONE]\n\n';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A provider whose chunks the test writes. */
function open(whenGone: WhenGone = 'abort') {
  const piped = Promise.withResolvers<Sink>();
  const ended = Promise.withResolvers<undefined>();
  const cancelled: unknown[] = [];
  const overs: unknown[] = [];
  const body = Body.from({
    pipe(sink) {
      piped.resolve(sink);
      return ended.promise;
    },
    cancel(cause) {
      cancelled.push(cause);
      ended.reject(cause);
    },
  });
  const reader = new PassingReader(formats.chat, true, { firstOutput() {}, over: (_facts, _bytes, error) => void overs.push(error) });
  const stream = new LlmStream(body, reader, whenGone);
  const begun = stream.begin();
  let isBegun = false;
  begun.then(() => (isBegun = true), () => {});
  const push = async (chunk: string): Promise<true | Promise<void>> => (await piped.promise).write(Buffer.from(chunk));
  return { stream, begun, push, ended, cancelled, overs, settle, isBegun: () => isBegun };
} // prettier-ignore

/** A client that takes writes when the test lets it. */
function client(isSlow = false) {
  let got = '';
  let release: (() => void) | undefined;
  const sink: Sink = {
    write(chunk) {
      got += Buffer.from(chunk).toString();
      return isSlow ? new Promise((resolve) => (release = resolve)) : true;
    },
  };
  return { sink, got: () => got, release: () => release?.() };
}

describe('the head', () => {
  test('is committed by the first event, not by comments, which come with it', async () => {
    const { push, settle, isBegun, begun, stream, ended } = open();
    expect(await push(': waiting\n\n')).toBe(true);
    await settle();
    expect(isBegun()).toBe(false);
    expect(await Promise.race([push(text('a')), begun.then(() => 'begun')])).toBe('begun');
    const { sink, got } = client();
    const piping = stream.pipe(sink);
    await push(done);
    ended.resolve(undefined);
    await piping;
    expect(got()).toBe(`: waiting\n\n${text('a')}${done}`);
  });

  test('is not committed by a failure, an end or garbage', async () => {
    for (const chunk of ['data: {"error":{"message":"busy"}}\n\n', '', ': c\n\n', 'data: <html>\n\n']) {
      const { push, begun, ended, overs } = open();
      const failing = expect(begun).rejects.toBeInstanceOf(GatewayError);
      await push(chunk).catch((error: unknown) => ended.reject(error as Error));
      ended.resolve(undefined);
      await failing;
      expect(overs).toHaveLength(1);
    }
  });
});

describe('waiting', () => {
  test('the provider waits until somebody listens, and while the client does not take more', async () => {
    const { push, stream, ended, overs, begun } = open();
    let isGoing = false;
    const first = push(text('a')).then(async (waiting) => void (await waiting));
    void first.then(() => (isGoing = true));
    await begun;
    expect(isGoing).toBe(false);
    const { sink, release, got } = client(true);
    const piping = stream.pipe(sink);
    release();
    await first;
    const second = push(text('b')).then(async (waiting) => void (await waiting));
    await new Promise((resolve) => setImmediate(resolve));
    release();
    await second;
    // The provider’s end settles at once, however slowly the client takes the rest.
    void push(done);
    await new Promise((resolve) => setImmediate(resolve));
    ended.resolve(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(overs).toEqual([undefined]);
    release();
    await piping;
    expect(got()).toBe(text('a') + text('b') + done);
  });
});

describe('the end', () => {
  test('without the format’s own is a failure; after it a broken connection is none', async () => {
    for (const [chunk, isWhole] of [[text('a'), false], [text('a') + done, true]] as const) {
      for (const how of ['end', 'reset'] as const) {
        const { push, stream, begun, ended, overs } = open();
        const pushing = push(chunk);
        await begun;
        const { sink, got } = client();
        const piping = stream.pipe(sink);
        await pushing;
        if (how === 'end') ended.resolve(undefined);
        else ended.reject(new GatewayError('upstream-reset', 'reset'));
        if (isWhole) await piping;
        else await expect(piping).rejects.toMatchObject({ reason: 'upstream-reset' });
        expect(overs).toHaveLength(1);
        expect(overs[0] === undefined).toBe(isWhole);
        expect(got()).toBe(chunk);
      }
    }
  });

  test('an event that was cut is not passed before the failure is told', async () => {
    const { push, stream, begun, ended } = open();
    const pushing = push(`${text('a')}data: {"cho`);
    await begun;
    const { sink, got } = client();
    const piping = stream.pipe(sink);
    await pushing;
    ended.resolve(undefined);
    await expect(piping).rejects.toThrow();
    expect(got()).toBe(text('a'));
  });

  test('a client that leaves cancels the provider; or, with drain, it is read to its end', async () => {
    const gone = new GatewayError('client-gone', 'gone');
    for (const isPiped of [false, true]) {
      const abort = open('abort');
      void abort.push(text('a'));
      await abort.begun;
      const piping = isPiped ? abort.stream.pipe(client().sink).catch(() => {}) : undefined;
      abort.stream.cancel(gone);
      abort.stream.cancel(gone);
      await piping;
      expect([abort.cancelled.length, abort.overs]).toEqual([1, [gone]]);

      const drain = open('drain');
      void drain.push(text('a'));
      await drain.begun;
      const draining = isPiped ? expect(drain.stream.pipe(client().sink)).rejects.toBe(gone) : undefined;
      drain.stream.cancel(gone);
      expect(drain.cancelled).toEqual([]);
      await draining;
      expect(await drain.push(text('b') + done)).toBe(true);
      drain.ended.resolve(undefined);
      await drain.settle();
      expect(drain.overs).toEqual([undefined]);
    }
  });
}); // prettier-ignore
