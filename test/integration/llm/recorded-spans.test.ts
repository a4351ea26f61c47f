// Text spans over recorded answers of real providers: read, written back, and repeats that say what the deltas said.
import { formats } from '@agentgateway/llm/format.ts';
import { SseSplitter, encodeFrame } from '@agentgateway/llm/stream/sse.ts';
import { expect, test } from 'vitest';
import { hasRecordingsOrSkips, loadRecordings } from '../../recordings/recordings.ts';

const hasThem = hasRecordingsOrSkips('text spans of recorded answers');

test.skipIf(!hasThem)('streams: any split gives the same frames, and repeats equal the joined deltas', () => {
  let repeats = 0;
  for (const { name, format, response } of loadRecordings({ isStream: true, outcome: 'ok' })) {
    if (!format || response.body.kind !== 'text') continue;
    const bytes = Buffer.from(response.body.text);
    const splitter = new SseSplitter();
    const frames = [...splitter.push(bytes), ...splitter.end()];
    const pieces = new SseSplitter();
    let count = 0;
    for (let at = 0; at < bytes.length; at += 7) count += pieces.push(bytes.subarray(at, at + 7)).length;
    expect(count + pieces.end().length, name).toBe(frames.length);
    const told = new Map<string, string>();
    for (const frame of frames) {
      const before = JSON.stringify(frame.json());
      for (const span of formats[format].frameSpans(frame)) {
        const key = `${span.channel} ${span.choice} ${span.block} ${span.part}`;
        if (span.form === 'delta') told.set(key, (told.get(key) ?? '') + span.text);
        else if (span.text !== '' && told.has(key)) {
          expect(span.text, `${name} ${key}`).toBe(told.get(key));
          repeats++;
        }
        span.replace(span.text);
      }
      expect(JSON.stringify(frame.json()), name).toBe(before);
      const [again] = new SseSplitter().push(encodeFrame(frame));
      expect(JSON.stringify(again?.json()), name).toBe(before);
    }
  }
  expect(repeats).toBeGreaterThan(0);
});

test.skipIf(!hasThem)('buffered answers: every span can be written back', () => {
  for (const { name, format, response } of loadRecordings({ isStream: false, outcome: 'ok' })) {
    if (!format || response.body.kind !== 'json') continue;
    const body = structuredClone(response.body.value);
    for (const span of formats[format].bodySpans(body)) span.replace(span.text);
    expect(body, name).toEqual(response.body.value);
  }
});
