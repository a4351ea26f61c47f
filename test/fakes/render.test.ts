// What the fakes send has the vendors' shapes: each event's fields are those of recorded events of its type.
import { describe, expect, test } from 'vitest';
import { hasRecordingsOrSkips, loadRecordings, splitEvents, toJson } from '../recordings/recordings.ts';
import { isObject, readString } from './json.ts';
import { post, testKeys } from './post.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

type Json = Record<string, unknown>;

const script = () => ({
  reasoning: 'Let me see.',
  text: 'Bonjour.',
  toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }],
});

const cases = [
  {
    format: 'chat' as const,
    kind: 'openai' as const,
    path: '/v1/chat/completions',
    body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }], stream_options: { include_usage: true } },
  },
  {
    format: 'responses' as const,
    kind: 'openai' as const,
    path: '/v1/responses',
    body: { model: 'gpt-5', input: 'hi', reasoning: { summary: 'auto' }, include: ['reasoning.encrypted_content'] },
  },
  {
    format: 'messages' as const,
    kind: 'anthropic' as const,
    path: '/v1/messages',
    body: {
      model: 'claude-sonnet-4-5',
      max_tokens: 2048,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      messages: [{ role: 'user', content: 'hi' }],
    },
  },
];

/** Objects by what they are: their type and where they stand, without positions. */
function collectShapes(node: unknown, path: string, shapes: Map<string, Json[]>): void {
  if (Array.isArray(node)) {
    for (const item of node) collectShapes(item, path, shapes);
    return;
  }
  // What the client said is given back as it was, whatever it is.
  if (!isObject(node) || /\.(?:tools|metadata|format|input|reasoning|text)$/u.test(path)) return;
  const name = `${path} ${readString(node, 'type') || readString(node, 'object')}`;
  shapes.set(name, [...(shapes.get(name) ?? []), node]);
  for (const [key, value] of Object.entries(node)) collectShapes(value, `${path}.${key}`, shapes);
}

function readEvents(text: string): unknown[] {
  return splitEvents(text).flatMap((event) => {
    const [, data] = /^data: (\{.*)$/mu.exec(event) ?? [];
    return data === undefined ? [] : [JSON.parse(data) as unknown];
  });
}

async function stream(provider: FakeProvider, path: string, body: Json): Promise<string> {
  const response = await fetch(`${provider.url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${provider.kind === 'anthropic' ? testKeys.anthropic : testKeys.openai}`,
      'anthropic-version': '2023-06-01',
    },
    body: JSON.stringify({ ...body, stream: true }),
  });
  return response.text();
}

/** Shapes that no recording shows, because no recorded stream had a summary of its reasoning; they follow the SDK's types. */
const unrecorded = new Set([
  'stream response.reasoning_summary_part.added',
  'stream response.reasoning_summary_text.delta',
  'stream response.reasoning_summary_text.done',
  'stream response.reasoning_summary_part.done',
  'stream.part summary_text',
  'stream.item.summary summary_text',
  'stream.response.output.summary summary_text',
]);

describe.runIf(hasRecordingsOrSkips('the shapes of the fakes against the recorded ones')).each(cases)(
  '$format',
  ({ format, kind, path, body }) => {
    test('every object has only fields that a recorded one of its kind has', async () => {
      await using provider = await startFakeProvider({ kind, script });
      const recorded = new Map<string, Json[]>();
      for (const { request, response } of loadRecordings({ provider: kind, format, outcome: 'ok' })) {
        if (request.body.kind === 'none') continue;
        if (response.body.kind === 'text') collectShapes(readEvents(response.body.text), 'stream', recorded);
        else collectShapes(toJson(response.body), 'whole', recorded);
      }
      const made = new Map<string, Json[]>();
      const { stream_options: _options, ...buffered } = { stream_options: undefined, ...body };
      collectShapes((await post(provider, path, buffered)).answer, 'whole', made);
      collectShapes(readEvents(await stream(provider, path, body)), 'stream', made);
      expect(made.size).toBeGreaterThan(8);
      const odd: string[] = [];
      for (const [name, objects] of made) {
        const known = recorded.get(name);
        if (known === undefined) {
          if (!unrecorded.has(name)) odd.push(`${name}: never recorded`);
          continue;
        }
        const fields = new Set(known.flatMap((object) => Object.keys(object)));
        for (const key of new Set(objects.flatMap((object) => Object.keys(object)))) {
          if (!fields.has(key)) odd.push(`${name}: ${key} was never recorded`);
        }
        const always = Object.keys(known[0] ?? {}).filter((key) => known.every((object) => key in object));
        for (const key of always) {
          if (!objects.every((object) => key in object)) odd.push(`${name}: ${key} is always there`);
        }
      }
      expect(odd).toEqual([]);
    });
  },
);
