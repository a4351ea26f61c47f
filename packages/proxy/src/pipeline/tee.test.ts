// A copy of a body has what the original has, and never holds it up.
import { Body, type BodySource, type Sink } from '@agentgateway/core/body.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { describe, expect, test } from 'vitest';
import { teeBody, teeBytesMax } from './tee.ts';

/** A source whose chunks the test sends. */
function openSource(): { source: BodySource; send(text: string): boolean; end(): void; fail(): void } {
  const done = Promise.withResolvers<HeaderList | undefined>();
  let sink: Sink | undefined;
  return {
    source: {
      pipe(to) {
        sink = to;
        return done.promise;
      },
      cancel: (cause) => done.reject(cause),
    },
    send: (text) => sink!.write(Buffer.from(text)) === true,
    end: () => done.resolve(HeaderList.from([['x-sum', '1']])),
    fail: () => done.reject(new Error('cut')),
  };
}

function collector(): { sink: Sink; text(): string } {
  let text = '';
  return { sink: { write: (chunk) => ((text += Buffer.from(chunk).toString()), true) }, text: () => text };
}

describe('a copied body', () => {
  test('has the bytes and the trailers, read before or after the original', async () => {
    const { source, send, end } = openSource();
    const body = Body.from(source);
    const copies = [teeBody(body), teeBody(body)];
    const [original, early, late] = [collector(), collector(), collector()];
    const earlyEnd = copies[0]!.pipe(early.sink);
    const originalEnd = body.pipe(original.sink);
    send('one ');
    send('two');
    end();
    await originalEnd;
    expect((await earlyEnd)?.get('x-sum')).toBe('1');
    expect((await copies[1]!.pipe(late.sink))?.get('x-sum')).toBe('1');
    expect([original.text(), early.text(), late.text()]).toEqual(['one two', 'one two', 'one two']);
  });

  test('is given up where nobody reads it, and the original is not', async () => {
    const { source, send, end } = openSource();
    const body = Body.from(source);
    const copy = teeBody(body);
    let bytes = 0;
    const originalEnd = body.pipe({ write: (chunk) => ((bytes += chunk.byteLength), true) });
    const chunk = 'x'.repeat(teeBytesMax / 2);
    for (let i = 0; i < 4; i++) expect(send(chunk)).toBe(true);
    end();
    await originalEnd;
    expect(bytes).toBe(teeBytesMax * 2);
    await expect(copy.pipe({ write: () => true })).rejects.toThrow(/fell more than/);
  });

  test('is as incomplete as the original', async () => {
    const { source, send, fail } = openSource();
    const body = Body.from(source);
    const copy = teeBody(body);
    const copyEnd = copy.pipe({ write: () => true });
    const originalEnd = body.pipe({ write: () => true });
    send('half');
    fail();
    await expect(originalEnd).rejects.toThrow('cut');
    await expect(copyEnd).rejects.toThrow('cut');
  });

  test('waits for its own reader', async () => {
    const { source, send, end } = openSource();
    const body = Body.from(source);
    const copy = teeBody(body);
    const gate = Promise.withResolvers<void>();
    const seen: string[] = [];
    const copyEnd = copy.pipe({
      write(chunk) {
        seen.push(Buffer.from(chunk).toString());
        return seen.length === 1 ? gate.promise : true;
      },
    });
    const originalEnd = body.pipe({ write: () => true });
    send('a');
    send('b');
    end();
    await originalEnd;
    expect(seen).toEqual(['a']);
    gate.resolve();
    await copyEnd;
    expect(seen).toEqual(['a', 'b']);
  });

  test('of bytes that are here is those bytes; of nothing, nothing', async () => {
    expect(teeBody(Body.of('whole')).buffered).toEqual(Buffer.from('whole'));
    expect(teeBody(Body.none()).kind).toBe('none');
  });
});
