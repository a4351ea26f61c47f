// Every feature in every cell: {client's format} × {provider's format} × {buffered, streamed}. An empty square fails.
import { describe, expect, test } from 'vitest';
import { CodecError, type JsonObject } from '../hub/extra.ts';
import { formats } from '../format.ts';
import { SseSplitter, writeEvent } from '../stream/sse.ts';
import { addUp } from './client-stream.ts';
import { answerFeatures, type AnswerFeature, seals } from './answer-features.ts';
import {
  type Cell,
  cells,
  continued,
  crossAnswer,
  crossRequest,
  crossStream,
  formatNames,
  makers,
  openStream,
} from './cell.ts';
import { toProviderStream } from './provider-stream.ts';
import { requestFeatures } from './request-features.ts';
import type { RequestFeature } from './request-words.ts';
import type { Absent, Expected, Refused, Square } from './square.ts';
import { codecs } from '../codecs.ts';
import { plainDialect } from '../hub/codec.ts';
import type { Note } from '../hub/extra.ts';

const nameOf = (cell: Cell): string => `${cell.in} → ${cell.out}, ${cell.mode}`;
const isAbsent = (value: JsonObject | Absent): value is Absent => typeof value['absent'] === 'string';

function settle(square: Square | undefined, other: Cell['in'], what: string): Expected | Refused {
  if (square === undefined) throw new Error(`the square of ${what} is empty`);
  return typeof square === 'function' ? square(other) : square;
}

/** Runs a crossing and holds it against its square. */
function check(
  square: Expected | Refused,
  cross: () => { body: JsonObject | undefined; notes: readonly Note[] },
): void {
  if ('refused' in square) {
    let thrown: unknown;
    try {
      cross();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CodecError);
    expect((thrown as CodecError).kind).toBe('unsupported');
    expect((thrown as CodecError).message).toContain(square.refused);
    return;
  }
  const { body, notes } = cross();
  expect(body).toMatchObject(square.body);
  for (const name of square.without ?? []) expect(body).not.toHaveProperty([name]);
  for (const lack of square.lacks ?? []) expect(JSON.stringify(body)).not.toContain(lack);
  const told = notes.map(({ path, message }) => `${path}: ${message}`).join('\n');
  for (const pattern of square.notes ?? []) expect(told).toMatch(pattern);
}

const asking: { readonly [F in Cell['in']]: JsonObject } = {
  chat: { model: 'm', messages: [{ role: 'user', content: 'hi' }], stream_options: { include_usage: true } },
  responses: { model: 'm', input: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }] },
  messages: { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] },
};

describe.each(Object.entries<RequestFeature>(requestFeatures))('request: %s', (name, feature) => {
  test.each(cells.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    const asked = feature.asked[cell.in];
    expect(asked, `${name} in ${cell.in}`).toBeDefined();
    if (isAbsent(asked)) {
      expect(asked.absent).not.toBe('');
      return;
    }
    check(settle(feature.sent[cell.out], cell.in, name), () => {
      const { body, notes } = crossRequest(cell, asked);
      if (cell.mode === 'streamed') {
        expect(body['stream']).toBe(true);
        // Usage is always asked for, whether or not the client wants to see it.
        if (cell.out === 'chat') expect(body['stream_options']).toEqual({ include_usage: true });
      } else expect(body['stream'] ?? false).toBe(false);
      expect(body['model']).toBe(makers[cell.out].model);
      return { body, notes };
    });
  });
});

describe.each(Object.entries<AnswerFeature>(answerFeatures))('answer: %s', (name, feature) => {
  test.each(cells.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    const answered = feature.answered[cell.out];
    expect(answered, `${name} in ${cell.out}`).toBeDefined();
    if (isAbsent(answered)) {
      expect(answered.absent).not.toBe('');
      return;
    }
    check(settle(feature.received[cell.in], cell.out, name), () => crossAnswer(cell, asking[cell.in], answered));
  });
});

const next: { readonly [F in Cell['in']]: unknown } = {
  chat: { role: 'user', content: 'go on' },
  responses: { role: 'user', content: [{ type: 'input_text', text: 'go on' }] },
  messages: { role: 'user', content: [{ type: 'text', text: 'go on' }] },
};

describe('thoughts go through the client and back to their maker, and to nobody else', () => {
  test.each(cells.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    const { body } = crossAnswer(cell, asking[cell.in], answerFeatures.reasoning.answered[cell.out]);
    const asked = continued(cell.in, asking[cell.in], body!, [next[cell.in]]);
    const back = JSON.stringify(
      crossRequest(
        cell,
        asked,
        cell.out === 'chat' ? { dialectal: { ...plainDialect, reasoningMember: 'reasoning_content' } } : {},
      ).body,
    );
    expect(back).toContain('Hm, let me see.');
    expect(back).not.toContain('agw1.');
    if (cell.out !== 'chat') expect(back).toContain(JSON.stringify(seals[cell.out]).slice(1, -1));
    if (cell.out === 'responses') expect(back).toContain('"rs_1"');
    for (const out of formatNames.filter((out) => makers[out].vendor !== makers[cell.out].vendor)) {
      const elsewhere = crossRequest({ ...cell, out }, asked);
      const text = JSON.stringify(elsewhere.body);
      expect(text).not.toContain('agw1.');
      if (cell.in === cell.out) continue;
      for (const seal of Object.values(seals)) expect(text).not.toContain(seal);
    }
  });
});

describe('usage of a stream is hidden from a client that did not ask for it', () => {
  test.each(cells.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    const { stream_options: __, ...unasked } = asking.chat;
    const asked = cell.in === 'chat' ? unasked : asking[cell.in];
    const { body } = crossAnswer(cell, asked, answerFeatures.text.answered[cell.out]);
    const isHidden = cell.in === 'chat' && cell.mode === 'streamed';
    if (isHidden) expect(body?.['usage'] ?? undefined).toBeUndefined();
    else expect(body?.['usage']).toBeDefined();
  });
});

const failures: { readonly [F in Cell['out']]: { readonly body: JsonObject; readonly event: Uint8Array } } = {
  chat: {
    body: { error: { message: 'Too fast.', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
    event: writeEvent(undefined, {
      error: { message: 'Too fast.', type: 'requests', param: null, code: 'rate_limit_exceeded' },
    }),
  },
  responses: {
    body: { error: { message: 'Too fast.', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
    event: writeEvent('error', {
      type: 'error',
      sequence_number: 3,
      message: 'Too fast.',
      code: 'rate_limit_exceeded',
      param: null,
    }),
  },
  messages: {
    body: { type: 'error', error: { type: 'rate_limit_error', message: 'Too fast.' }, request_id: 'req_1' },
    event: writeEvent('error', { type: 'error', error: { type: 'rate_limit_error', message: 'Too fast.' } }),
  },
};

describe("a provider's failure reaches the client in its own words", () => {
  test.each(cells.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    if (cell.mode === 'buffered') {
      const failure = codecs[cell.out].decodeFailure(failures[cell.out].body, 429);
      expect(failure).toMatchObject({ message: 'Too fast.', status: 429 });
      const { message, type = '', code = '' } = failure!;
      expect(JSON.stringify(formats[cell.in].errorBody({ message, type, code, requestId: 'r' }))).toContain(
        'Too fast.',
      );
      return;
    }
    const whole = toProviderStream(cell.out, answerFeatures.text.answered[cell.out]);
    const beginning = Buffer.from(whole).toString('utf8').split('\n\n').slice(0, 3).join('\n\n');
    const { body, failure } = crossStream(
      cell,
      asking[cell.in],
      Buffer.concat([Buffer.from(`${beginning}\n\n`), failures[cell.out].event]),
    );
    expect(body).toBeUndefined();
    expect(JSON.stringify(failure)).toContain('Too fast.');
    if (cell.in === 'messages') expect(failure).toMatchObject({ type: 'rate_limit_error' });
  });
});

describe('a stream that was cut does not look complete', () => {
  test.each(cells.filter(({ mode }) => mode === 'streamed').map((cell) => [nameOf(cell), cell] as const))(
    '%s',
    (_, cell) => {
      const whole = Buffer.from(toProviderStream(cell.out, answerFeatures.text.answered[cell.out])).toString('utf8');
      const cut = whole.split('\n\n').slice(0, 4).join('\n\n');
      expect(() => crossStream(cell, asking[cell.in], Buffer.from(`${cut}\n\n`))).toThrow();
    },
  );
});

describe('names of tools that a provider refuses come back to the client as it wrote them', () => {
  const { asked } = requestFeatures['oddNames']!;
  test.each(cells.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    const request = asked[cell.in] as JsonObject;
    const { tools } = crossRequest(cell, request).body as { tools: { name?: string; function?: { name: string } }[] };
    const name = tools[0]?.name ?? tools[0]?.function?.name ?? '';
    const answer = JSON.stringify(answerFeatures.parallelCalls.answered[cell.out]).replaceAll(
      '"weather"',
      JSON.stringify(name),
    );
    const { body } = crossAnswer(cell, request, JSON.parse(answer) as JsonObject);
    expect(JSON.stringify(body)).toContain('"mail.send now"');
    if (cell.in !== cell.out) expect(JSON.stringify(body)).not.toContain(JSON.stringify(name));
  });
});

describe('a stream is not held: each piece of text goes out with the event that brought it', () => {
  const streamed = cells.filter(({ mode }) => mode === 'streamed');
  test.each(streamed.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    const told: string[] = [];
    const { frames, push } = openStream(cell, asking[cell.in], answerFeatures.text.answered[cell.out], (event) => {
      if (event.type === 'textDelta') told.push(event.text);
    });
    let written = '';
    for (const frame of frames) {
      const before = told.length;
      const bytes = Buffer.concat(push(frame)).toString('utf8');
      for (const text of told.slice(before)) expect(bytes).toContain(JSON.stringify(text).slice(1, -1));
      written += bytes;
    }
    expect(told.length).toBeGreaterThan(3);
    expect(written).not.toBe('');
  });
});

describe('a stream says the same wherever it is cut', () => {
  const streamed = cells.filter(({ mode }) => mode === 'streamed');
  test.each(streamed.map((cell) => [nameOf(cell), cell] as const))('%s', (_, cell) => {
    const answer = answerFeatures.textThenCall.answered[cell.out];
    const whole = crossAnswer(cell, asking[cell.in], answer);
    const bytes = toProviderStream(cell.out, answer);
    const { push } = openStream(cell, asking[cell.in], answer, () => undefined);
    const splitter = new SseSplitter();
    const frames = [...Array.from(bytes, (byte) => splitter.push(Uint8Array.of(byte))).flat(), ...splitter.end()];
    const written = Buffer.concat(frames.flatMap((frame) => push(frame)));
    expect(addUp(cell.in, written).body).toEqual(whole.body);
  });
});
