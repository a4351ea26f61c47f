// A body for several attempts: whole each time, streamed while it comes, and let go of beyond the limit.
import { Body, type BodySource, type Sink, bodyBuffers } from '@agentgateway/core/body.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { describe, expect, test } from 'vitest';
import { Replay } from './replay.ts';

/** A body that is fed by hand. */
class Fed implements BodySource {
  cancelled: unknown;
  #sink: Sink | undefined;
  readonly #done = Promise.withResolvers<HeaderList | undefined>();
  readonly lengthBytes: number | undefined;

  constructor(lengthBytes?: number) {
    this.lengthBytes = lengthBytes;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#sink = sink;
    return this.#done.promise;
  }

  cancel(cause: unknown): void {
    this.cancelled = cause;
    this.#done.reject(cause);
  }

  write(text: string): true | Promise<void> {
    return this.#sink!.write(Buffer.from(text));
  }

  end(trailers?: HeaderList): void {
    this.#done.resolve(trailers);
  }
}

/** Reads an attempt's body. */
function read(body: Body): { texts: string[]; ended: Promise<HeaderList | undefined | Error> } {
  const texts: string[] = [];
  const ended = body
    .pipe({
      write(chunk) {
        texts.push(Buffer.from(chunk).toString());
        return true;
      },
    })
    .catch((error: unknown) => error as Error);
  return { texts, ended };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('attempts', () => {
  test('each gets what came before and goes on with what comes', async () => {
    const fed = new Fed();
    const replay = new Replay(Body.from(fed), 100);
    const first = replay.next();
    const one = read(first);
    await fed.write('ab');
    await fed.write('cd');
    first.cancel(new Error('refused'));
    expect(await one.ended).toBeInstanceOf(Error);
    const two = read(replay.next());
    await turn();
    expect(two.texts).toEqual(['ab', 'cd']);
    await fed.write('ef');
    fed.end(new HeaderList(['x-sum', '1']));
    expect(await two.ended).toEqual(new HeaderList(['x-sum', '1']));
    const three = read(replay.next());
    await three.ended;
    expect(three.texts).toEqual(['ab', 'cd', 'ef']);
    expect(fed.cancelled).toBeUndefined();
    replay.release();
  });

  test('a body that nobody has begun to send is whole, however long it says it is', () => {
    const replay = new Replay(Body.from(new Fed(1000)), 100);
    const first = replay.next();
    first.cancel(new Error('no connection'));
    expect(replay.isWhole).toBe(true);
    void read(replay.next());
    expect(replay.isWhole).toBe(false);
    replay.release();
  });

  test('the client waits while no attempt takes what it sends', async () => {
    const fed = new Fed();
    const replay = new Replay(Body.from(fed), 100);
    const first = replay.next();
    void read(first);
    first.cancel(new Error('refused'));
    let isTaken = false;
    const waiting = Promise.resolve(fed.write('ab')).then(() => (isTaken = true));
    await turn();
    expect(isTaken).toBe(false);
    const two = read(replay.next());
    await waiting;
    expect(two.texts).toEqual(['ab']);
    replay.release();
  });

  test('a client that breaks off breaks the attempt', async () => {
    const fed = new Fed();
    const replay = new Replay(Body.from(fed), 100);
    const one = read(replay.next());
    fed.cancel(new Error('gone'));
    expect(await one.ended).toMatchObject({ message: 'gone' });
    replay.release();
  });
});

describe('beyond the limit', () => {
  test('nothing is kept, and the attempt under way gets all of it', async () => {
    const held = bodyBuffers.heldBytes;
    const fed = new Fed();
    const replay = new Replay(Body.from(fed), 5);
    const first = replay.next();
    const one = read(first);
    await fed.write('abc');
    expect([replay.isWhole, bodyBuffers.heldBytes - held]).toEqual([true, 3]);
    await fed.write('def');
    expect([replay.isWhole, bodyBuffers.heldBytes - held]).toEqual([false, 0]);
    await fed.write('ghi');
    fed.end();
    await one.ended;
    expect(one.texts).toEqual(['abc', 'def', 'ghi']);
  });

  test('an attempt that is given up gives the body up', async () => {
    const fed = new Fed();
    const replay = new Replay(Body.from(fed), 2);
    const first = replay.next();
    void read(first);
    await fed.write('abc');
    first.cancel(new Error('refused'));
    expect(fed.cancelled).toMatchObject({ message: 'refused' });
  });

  test('an accepted answer lets go of what was kept', async () => {
    const held = bodyBuffers.heldBytes;
    const fed = new Fed();
    const replay = new Replay(Body.from(fed), 100);
    const one = read(replay.next());
    await fed.write('abc');
    replay.commit();
    expect([replay.isWhole, bodyBuffers.heldBytes - held]).toEqual([false, 0]);
    await fed.write('def');
    fed.end();
    await one.ended;
    expect(one.texts).toEqual(['abc', 'def']);
  });

  test('a full process keeps nothing', async () => {
    const { bytesMax } = bodyBuffers;
    bodyBuffers.bytesMax = bodyBuffers.heldBytes;
    try {
      const fed = new Fed();
      const replay = new Replay(Body.from(fed), 100);
      const one = read(replay.next());
      await fed.write('abc');
      fed.end();
      await one.ended;
      expect([one.texts, replay.isWhole]).toEqual([['abc'], false]);
    } finally {
      bodyBuffers.bytesMax = bytesMax;
    }
  });
});
