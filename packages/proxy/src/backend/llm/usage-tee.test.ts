// Bodies that pass untouched while their usage is read: in any pieces, and never at their cost.
import { toSource } from '@agentgateway/core/body.ts';
import type { BodySource } from '@agentgateway/core/body.ts';
import { expect, test } from 'vitest';
import { type UsageForm, UsageTee } from './usage-tee.ts';

function inPieces(bytes: Uint8Array, size: number): BodySource {
  return {
    lengthBytes: bytes.length,
    async pipe(sink) {
      for (let at = 0; at < bytes.length; at += size) await sink.write(bytes.subarray(at, at + size));
      return undefined;
    },
    cancel() {},
  };
}

async function through(text: string | Uint8Array, form: UsageForm, size = 3): Promise<unknown[]> {
  const bytes = Buffer.from(text);
  const overs: unknown[] = [];
  const tee = new UsageTee(inPieces(bytes, size), form, (usage, error) => overs.push([usage, error]));
  const passed: Uint8Array[] = [];
  await tee.pipe({
    write(chunk) {
      passed.push(chunk);
      return true;
    },
  });
  tee.cancel(new Error('late'));
  expect(Buffer.concat(passed).equals(bytes)).toBe(true);
  expect(tee.lengthBytes).toBe(bytes.length);
  expect(overs).toHaveLength(1);
  return overs[0] as unknown[];
}

test.each([
  ['{"data":[],"usage":{"prompt_tokens":7,"total_tokens":7}}', 'json', { inputTotal: 7 }],
  ['{"usage":{"input_tokens":5,"output_tokens":2}}', 'json', { inputTotal: 5, outputTotal: 2 }],
  ['data: {"a":1}\n\ndata: {"response":{"usage":{"input_tokens":5,"output_tokens":2}}}\n\n', 'events', { inputTotal: 5 }],
] as const)('%s', async (text, form, expected) => {
  expect(await through(text, form)).toMatchObject([expected, undefined]);
}); // prettier-ignore

test('what tells no usage passes all the same', async () => {
  for (const text of ['', '{"usage":null}', '{"usa', '[]', 'null'])
    expect(await through(text, 'json')).toEqual([undefined, undefined]);
  expect(await through('{"usage":{"prompt_tokens":7}}', 'none')).toEqual([undefined, undefined]);
});

test('an event too long to be read passes too', async () => {
  const long = Buffer.concat([Buffer.from('data: '), Buffer.alloc(17 * 1024 * 1024, 120), Buffer.from('\n\n')]);
  expect(await through(long, 'events', 1024 * 1024)).toEqual([undefined, undefined]);
});

test('cancelled, it tells so once', () => {
  const overs: unknown[] = [];
  const cause = new Error('gone');
  new UsageTee(toSource(Buffer.from('{}')), 'json', (...told) => overs.push(told)).cancel(cause);
  expect(overs).toEqual([[undefined, cause]]);
});
