// An upload gives every chunk once, holds few, and says whom it waits for.
import { expect, test } from 'vitest';
import { Body, type Sink } from '@agentgateway/core/body.ts';
import { transportLimits } from './request.ts';
import { Upload } from './upload.ts';

/** A body that the test feeds. */
function fed(): { body: Body; sink(): Sink; end(error?: Error): void; cancelled: unknown } {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let sink: Sink | undefined;
  const feeder = {
    cancelled: undefined as unknown,
    body: Body.from({
      pipe(given) {
        sink = given;
        return promise;
      },
      cancel(cause) {
        feeder.cancelled = cause;
        reject(cause instanceof Error ? cause : new Error('cancelled'));
      },
    }),
    sink: () => sink!,
    end: (error?: Error) => (error ? reject(error) : resolve(undefined)),
  };
  return feeder;
}

const waits = (): { whom: string; forUpload(): void; pause(): void } => ({
  whom: '',
  forUpload() {
    this.whom = 'upstream';
  },
  pause() {
    this.whom = 'client';
  },
});

test('chunks pass in order, and the end after them', async () => {
  const { body, sink, end } = fed();
  const watch = waits();
  const upload = new Upload(body, watch);
  const first = upload.next();
  expect(watch.whom).toBe('client');
  void sink().write(Buffer.from('a'));
  void sink().write(Buffer.from('b'));
  end();
  expect(await first).toEqual({ done: false, value: Buffer.from('a') });
  expect(watch.whom).toBe('upstream');
  expect(await upload.next()).toEqual({ done: false, value: Buffer.from('b') });
  expect((await upload.next()).done).toBe(true);
});

test('the source waits when enough is held, until it is taken', async () => {
  const { body, sink } = fed();
  const upload = new Upload(body, waits());
  const first = upload.next();
  void sink().write(Buffer.from('a'));
  await first;
  const result = sink().write(Buffer.alloc(transportLimits.uploadBytesMax));
  expect(result).toBeInstanceOf(Promise);
  await upload.next();
  await result;
  expect(sink().write(Buffer.from('b'))).toBe(true);
});

test('an incomplete body is no end', async () => {
  const { body, end } = fed();
  const upload = new Upload(body, waits());
  const next = upload.next();
  end(new Error('the client left'));
  await expect(next).rejects.toThrow('the client left');
  await expect(upload.next()).rejects.toThrow('the client left');
});

test('whoever stops early gives the body up and releases everyone', async () => {
  const feeder = fed();
  const upload = new Upload(feeder.body, waits());
  const first = upload.next();
  void feeder.sink().write(Buffer.from('a'));
  await first;
  const held = feeder.sink().write(Buffer.alloc(transportLimits.uploadBytesMax));
  await upload.return();
  await held;
  expect(feeder.cancelled).toBeInstanceOf(Error);
  expect((await upload.next()).done).toBe(true);
});
