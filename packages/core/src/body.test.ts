// A body is consumed once, unless its bytes were collected; collecting is bounded, for each and for all.
import { afterEach, expect, test } from 'vitest';
import { Body, type BodySource, type Sink, bodyBuffers } from './body.ts';
import { GatewayError } from './errors.ts';
import { HeaderList } from './header-list.ts';

const { bytesMax } = bodyBuffers;
afterEach(() => {
  bodyBuffers.bytesMax = bytesMax;
});

function source(chunks: readonly string[], more: Partial<BodySource> = {}): BodySource & { cancelled: unknown } {
  return {
    cancelled: undefined,
    async pipe(sink) {
      for (const chunk of chunks) await sink.write(Buffer.from(chunk));
      return HeaderList.from([['x-late', '1']]);
    },
    cancel(cause) {
      this.cancelled ??= cause;
    },
    ...more,
  };
}

function collecting(): Sink & { text: string } {
  return {
    text: '',
    write(chunk) {
      this.text += Buffer.from(chunk).toString();
      return true;
    },
  };
}

test('a source can be piped once', async () => {
  const body = Body.from(source(['a', 'b']));
  expect(body.kind).toBe('source');
  expect(body.isReplayable).toBe(false);
  const sink = collecting();
  expect((await body.pipe(sink))?.get('x-late')).toBe('1');
  expect(sink.text).toBe('ab');
  await expect(body.pipe(sink)).rejects.toThrow('twice');
  expect(() => body.through((inner) => inner)).toThrow('being read');
});

test('collected, it can be piped again and again, trailers included', async () => {
  const body = Body.from(source(['a', 'b']));
  const [first, second] = await Promise.all([body.bytes(10), body.bytes(10)]);
  expect(first).toBe(second);
  expect(body.isReplayable).toBe(true);
  expect(body.lengthBytes).toBe(2);
  for (let i = 0; i < 2; i++) {
    const sink = collecting();
    expect((await body.pipe(sink))?.get('x-late')).toBe('1');
    expect(sink.text).toBe('ab');
  }
});

test('none is nothing', async () => {
  const body = Body.none();
  expect([body.kind, body.lengthBytes, body.isReplayable]).toEqual(['none', 0, true]);
  expect((await body.bytes(0)).byteLength).toBe(0);
  expect(await body.pipe(collecting())).toBeUndefined();
});

test('too long a body is refused, before reading where the length is known, and its source told', async () => {
  const counted = source(['abc', 'def']);
  await expect(Body.from(counted).bytes(5)).rejects.toMatchObject({ reason: 'request-too-large' });
  expect(counted.cancelled).toBeInstanceOf(GatewayError);
  const announced = source([], { lengthBytes: 6, pipe: () => expect.unreachable() });
  await expect(Body.from(announced).bytes(5)).rejects.toMatchObject({ reason: 'request-too-large' });
  const answer = source(['abcdef'], { tooLargeReason: 'response-too-large' });
  await expect(Body.from(answer).bytes(5)).rejects.toMatchObject({ reason: 'response-too-large' });
});

test('all bodies together are bounded; failing and releasing give back', async () => {
  const before = bodyBuffers.heldBytes;
  bodyBuffers.bytesMax = before + 5;
  const first = Body.from(source(['abc']));
  await first.bytes(10);
  expect(bodyBuffers.heldBytes).toBe(before + 3);
  await expect(Body.from(source(['a', 'bc'])).bytes(10)).rejects.toMatchObject({ reason: 'overloaded' });
  expect(bodyBuffers.heldBytes).toBe(before + 3);
  first.release();
  first.release();
  expect(bodyBuffers.heldBytes).toBe(before);
  await Body.from(source(['abcde'])).bytes(10);
});

test('what is given up while it is collected is given back when that has ended', async () => {
  const before = bodyBuffers.heldBytes;
  const go = Promise.withResolvers<void>();
  const body = Body.from(
    source([], {
      async pipe(sink) {
        await sink.write(Buffer.from('abc'));
        await go.promise;
        await sink.write(Buffer.from('def'));
        return undefined;
      },
    }),
  );
  const collected = body.bytes(10);
  await Promise.resolve();
  body.release();
  expect(bodyBuffers.heldBytes).toBe(before + 3);
  go.resolve();
  expect((await collected).byteLength).toBe(6);
  expect(bodyBuffers.heldBytes).toBe(before);
});

test('whoever collects may say what too much is called', async () => {
  const collecting = Body.from(source(['abcdef'])).bytes(5, 'response-too-large');
  await expect(collecting).rejects.toMatchObject({ reason: 'response-too-large' });
});

test('a stage after collecting is read anew', async () => {
  const before = bodyBuffers.heldBytes;
  const body = Body.from(source(['a', 'bc']));
  await body.bytes(10);
  body.through(upper);
  expect(Buffer.from(await body.bytes(10)).toString()).toBe('ABC');
  body.release();
  expect(bodyBuffers.heldBytes).toBe(before);
});

test('replace puts other bytes in its place and lets the source go', async () => {
  const old = source(['old']);
  const body = Body.from(old);
  body.replace(Buffer.from('new'));
  expect(old.cancelled).toBeInstanceOf(Error);
  const sink = collecting();
  await body.pipe(sink);
  expect(sink.text).toBe('new');
});

function upper(inner: BodySource): BodySource {
  return {
    pipe: (sink) =>
      inner.pipe({ write: (chunk) => sink.write(Buffer.from(Buffer.from(chunk).toString().toUpperCase())) }),
    cancel: (cause) => inner.cancel(cause),
  };
}

test('through wraps what there is, bytes or source', async () => {
  for (const body of [Body.of('abc'), Body.from(source(['a', 'bc']))]) {
    body.through(upper);
    expect(body.lengthBytes).toBeUndefined();
    expect(Buffer.from(await body.bytes(10)).toString()).toBe('ABC');
  }
});

test('what is here whole is taken without waiting, once', async () => {
  const body = Body.from(source([], { takeWhole: () => Buffer.from('all') }));
  expect(Buffer.from(body.takeWhole()!).toString()).toBe('all');
  expect(body.buffered).toBeDefined();
  const other = Body.from(source(['a']));
  expect(other.takeWhole()).toBeUndefined();
  expect(other.kind).toBe('source');
});

test('a failing source fails whoever collects', async () => {
  const failing = source([], { pipe: () => Promise.reject(new GatewayError('client-gone', 'left')) });
  await expect(Body.from(failing).bytes(10)).rejects.toMatchObject({ reason: 'client-gone' });
});
