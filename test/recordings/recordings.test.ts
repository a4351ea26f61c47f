// The recordings library reads every recorded exchange whole.
import { describe, expect, test } from 'vitest';
import {
  hasRecordings,
  hasRecordingsOrSkips,
  loadRealtimeRecordings,
  loadRecording,
  loadRecordings,
  splitEvents,
  toBytes,
  toJson,
} from './recordings.ts';

const hasThem = hasRecordingsOrSkips('the recordings library');

test('splits events wherever a blank line ends one, and keeps every byte', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = `: hello${end}${end}data: 1${end}data: 2${end}${end}data: rest`;
    const events = splitEvents(text);
    expect(events).toHaveLength(3);
    expect(events.join('')).toBe(text);
  }
  expect(splitEvents('data: 1\r\ndata: 2\r\n\r\n')).toEqual(['data: 1\r\ndata: 2\r\n\r\n']);
});

describe.runIf(hasThem)('recordings', () => {
  test('all are found, each once, each with a body of a known kind', () => {
    const all = loadRecordings();
    expect(hasRecordings()).toBe(true);
    expect(all.length + loadRealtimeRecordings().length).toBeGreaterThanOrEqual(769);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(new Set(all.map(({ response }) => response.body.kind))).toEqual(new Set(['json', 'text', 'bytes', 'none']));
    expect(all.every(({ turn, run }) => turn >= 1 && run.length > 0)).toBe(true);
  });

  test('filters restrict, and together', () => {
    const chats = loadRecordings({ format: 'chat' });
    expect(new Set(chats.map(({ api }) => api))).toEqual(new Set(['chat-completions']));
    expect(new Set(chats.map(({ provider }) => provider)).size).toBeGreaterThan(8);
    const streams = loadRecordings({ provider: 'openai', format: 'responses', isStream: true, outcome: 'ok' });
    expect(streams.length).toBeGreaterThan(10);
    expect(streams.every(({ request, response }) => request.method === 'POST' && response.status === 200)).toBe(true);
    expect(loadRecordings({ format: 'responses', outcome: 'refused' }).length).toBe(6);
    expect(loadRecordings({ provider: 'openai', api: 'responses' }).some(({ format }) => format === undefined)).toBe(
      true,
    );
  });

  test('one is found by its name; its turns share a run', () => {
    const [first] = loadRecordings({ provider: 'anthropic', format: 'messages' });
    expect(loadRecording(first?.name ?? '')).toBe(first);
    expect(() => loadRecording('openai/responses/none-1')).toThrow('no recording openai/responses/none-1');
  });

  test('streams are whole events, and joined again they are the bytes', () => {
    for (const { response } of loadRecordings({ isStream: true })) {
      if (response.body.kind !== 'text') continue;
      const events = splitEvents(response.body.text);
      expect(events.every((event) => /(\r\n|\n){2}$/u.test(event))).toBe(true);
      expect(Buffer.from(events.join('')).equals(toBytes(response.body))).toBe(true);
    }
  });

  test('JSON bodies are values', () => {
    for (const { request, format } of loadRecordings()) {
      if (format !== undefined) expect(toJson(request.body)).toMatchObject({ model: expect.any(String) });
    }
  });
});
