// A fed body delivers everything in order, pauses its flow while the sink waits, and ends exactly once.
import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { FedSource, type Flow, earlyBytesMax } from './fed-source.ts';

function flow(): Flow & { isPaused: boolean; aborted: Error | undefined } {
  return {
    isPaused: false,
    aborted: undefined,
    pause() {
      this.isPaused = true;
    },
    resume() {
      this.isPaused = false;
    },
    abort(cause) {
      this.aborted = cause;
    },
  };
}

const bytes = (text: string): Buffer => Buffer.from(text);

test('chunks before, between and after the reader, slow or fast, arrive in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 20 }), fc.nat(20), async (slow, before) => {
      const steered = flow();
      const source = new FedSource(steered, undefined, 'response-too-large');
      const got: string[] = [];
      let at = 0;
      const feed = (): void => source.write(bytes(String(at++)));
      for (let i = 0; i < Math.min(before, slow.length); i++) feed();
      const done = source.pipe({
        write(chunk) {
          got.push(Buffer.from(chunk).toString());
          return slow[got.length - 1] ? new Promise((resolve) => setImmediate(resolve)) : true;
        },
      });
      while (at < slow.length) {
        feed();
        await Promise.resolve();
      }
      const trailers = HeaderList.from([['x', 'y']]);
      source.end(trailers);
      source.fail(new Error('too late'));
      expect(await done).toBe(trailers);
      expect(got).toEqual(slow.map((_, index) => String(index)));
    }),
  );
});

test('the flow is paused once enough has come that nobody reads, and while the sink waits', async () => {
  const steered = flow();
  const source = new FedSource(steered, undefined, 'response-too-large');
  source.write(new Uint8Array(earlyBytesMax - 1));
  expect(steered.isPaused).toBe(false);
  source.write(bytes('a'));
  expect(steered.isPaused).toBe(true);
  let go: (() => void) | undefined;
  const done = source.pipe({ write: () => new Promise((resolve) => (go = resolve)) });
  expect(steered.isPaused).toBe(true);
  go!();
  await Promise.resolve();
  expect(steered.isPaused).toBe(true);
  go!();
  await Promise.resolve();
  expect(steered.isPaused).toBe(false);
  source.end(undefined);
  await done;
});

test('a short body that came whole before anybody asked is taken in one piece', () => {
  const source = new FedSource(flow(), undefined, 'response-too-large');
  source.write(bytes('ab'));
  source.write(bytes('c'));
  expect(source.takeWhole()).toBeUndefined();
  source.end(undefined);
  expect(Buffer.from(source.takeWhole()!).toString()).toBe('abc');
});

test('a failure comes after what arrived before it', async () => {
  const source = new FedSource(flow(), undefined, 'response-too-large');
  source.write(bytes('a'));
  source.fail(new Error('broken'));
  const got: string[] = [];
  await expect(
    source.pipe({
      write(chunk) {
        got.push(Buffer.from(chunk).toString());
        return new Promise((resolve) => setImmediate(resolve));
      },
    }),
  ).rejects.toThrow('broken');
  expect(got).toEqual(['a']);
});

test('a sink that throws or rejects ends the upstream and the pipe', async () => {
  for (const write of [
    (): true => {
      throw new Error('no more');
    },
    (): Promise<void> => Promise.reject(new Error('no more')),
  ]) {
    const steered = flow();
    const source = new FedSource(steered, undefined, 'response-too-large');
    const done = source.pipe({ write });
    source.write(bytes('a'));
    await expect(done).rejects.toThrow('no more');
    expect(steered.aborted).toMatchObject({ message: 'no more' });
  }
});

test('cancel reaches the upstream and whoever reads then or later', async () => {
  const steered = flow();
  const source = new FedSource(steered, undefined, 'response-too-large');
  const done = source.pipe({ write: () => true });
  source.cancel(new Error('given up'));
  await expect(done).rejects.toThrow('given up');
  expect(steered.aborted).toMatchObject({ message: 'given up' });
  const later = new FedSource(flow(), undefined, 'response-too-large');
  later.cancel(new Error('given up'));
  await expect(later.pipe({ write: () => true })).rejects.toThrow('given up');
});

test('a whole body in one piece can be taken, another cannot', () => {
  const whole = new FedSource(flow(), undefined, 'response-too-large');
  whole.write(bytes('all'));
  expect(whole.takeWhole()).toBeUndefined();
  whole.end(undefined);
  expect(whole.takeWhole()).toEqual(bytes('all'));
  const trailed = new FedSource(flow(), undefined, 'response-too-large');
  trailed.end(HeaderList.from([['x', 'y']]));
  expect(trailed.takeWhole()).toBeUndefined();
  const failed = new FedSource(flow(), undefined, 'response-too-large');
  failed.write(bytes('part'));
  failed.fail(new Error('broken'));
  expect(failed.takeWhole()).toBeUndefined();
});
