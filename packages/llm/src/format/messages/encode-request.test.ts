// Requests of other formats become requests that Anthropic takes: the rules one by one.
import { describe, expect, test } from 'vitest';
import { wrapOpaque } from '../../carrier.ts';
import { type RequestContext, plainDialect } from '../../hub/codec.ts';
import type { Part } from '../../hub/content.ts';
import type { JsonObject, Note } from '../../hub/extra.ts';
import type { HubRequest, Turn } from '../../hub/request.ts';
import { messagesCodec } from './codec.ts';
import { conversationStart, jsonInstruction, systemMarker } from './encode-turns.ts';

interface Sent {
  readonly body: JsonObject;
  readonly notes: readonly string[];
}

function send(request: Partial<HubRequest>, context: Partial<RequestContext> = {}): Sent {
  const notes: Note[] = [];
  const body = messagesCodec.encodeRequest(
    { model: 'client-name', turns: [user('hi')], stream: false, ...request },
    {
      vendor: 'anthropic',
      model: 'claude-sonnet-4-6',
      maxTokensDefault: { tokens: 4096, source: 'the table of maxima' },
      dialectal: plainDialect,
      note: (note) => notes.push(note),
      ...context,
    },
  );
  return { body, notes: notes.map(({ path, message }) => `${path}: ${message}`) };
}

const text = (words: string): Part => ({ type: 'text', text: words });
const user = (words: string): Turn => ({ role: 'user', parts: [text(words)] });
const call = (id: string, words = '{}'): Part => ({
  type: 'toolCall',
  id,
  name: 'look',
  arguments: words,
  kind: 'function',
});
const result = (id: string, words: string): Turn => ({
  role: 'tool',
  parts: [{ type: 'toolResult', callId: id, content: [{ type: 'text', text: words }] }],
});
const thought = (vendor: string): Part => ({
  type: 'reasoning',
  text: 'hm',
  opaque: { vendor, values: { signature: 'sig' } },
});
const look = { kind: 'function', name: 'look', parameters: { type: 'object', properties: {} } } as const;

describe('roles and ordering', () => {
  test('leading system and developer words are hoisted', () => {
    const { body } = send({
      turns: [{ role: 'system', parts: [text('A')] }, { role: 'developer', parts: [text('B')] }, user('hi')],
    });
    expect(body['system']).toEqual([
      { type: 'text', text: 'A' },
      { type: 'text', text: 'B' },
    ]);
    expect(body['messages']).toEqual([{ role: 'user', content: [{ type: 'text', text: 'hi' }] }]);
  });

  test('system words amid the list go into the next user turn behind a marker', () => {
    const { body } = send({
      turns: [
        user('a'),
        { role: 'assistant', parts: [text('b')] },
        { role: 'system', parts: [text('now')] },
        user('c'),
      ],
    });
    expect((body['messages'] as JsonObject[]).at(-1)).toEqual({
      role: 'user',
      content: [
        { type: 'text', text: `${systemMarker.open}\nnow\n${systemMarker.close}` },
        { type: 'text', text: 'c' },
      ],
    });
  });

  test('all results of parallel calls stand first in one user turn', () => {
    const { body } = send({
      tools: [look],
      turns: [
        user('go'),
        { role: 'assistant', parts: [call('1'), call('2')] },
        { role: 'system', parts: [text('mind')] },
        result('1', 'x'),
        result('2', 'y'),
        user('and?'),
      ],
    });
    const messages = body['messages'] as { role: string; content: { type: string }[] }[];
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(messages[2]?.content.map(({ type }) => type)).toEqual(['tool_result', 'tool_result', 'text', 'text']);
  });

  test('empty texts and empty turns are left out, with notes', () => {
    const { body, notes } = send({ turns: [user('hi'), { role: 'assistant', parts: [text('')] }, user('there')] });
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'hi' },
          { type: 'text', text: 'there' },
        ],
      },
    ]);
    expect(notes.join('\n')).toMatch(/blank text/);
  });

  test('a conversation that the model begins gets a user turn first', () => {
    const { body, notes } = send({ turns: [{ role: 'assistant', parts: [text('Welcome!')] }, user('hi')] });
    expect((body['messages'] as JsonObject[]).map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(notes.join('\n')).toContain(conversationStart);
  });

  test('a trailing assistant turn stays: it is a prefill', () => {
    const { body } = send({ turns: [user('hi'), { role: 'assistant', parts: [text('{')] }] });
    expect((body['messages'] as JsonObject[]).at(-1)).toEqual({
      role: 'assistant',
      content: [{ type: 'text', text: '{' }],
    });
  });
});

describe('tools', () => {
  test.each([
    [{ mode: 'auto' }, true, { type: 'auto', disable_parallel_tool_use: false }],
    [{ mode: 'any' }, false, { type: 'any', disable_parallel_tool_use: true }],
    [{ mode: 'none' }, false, { type: 'none' }],
    [{ mode: 'tool', name: 'look', kind: 'function' }, undefined, { type: 'tool', name: 'look' }],
    [undefined, false, { type: 'auto', disable_parallel_tool_use: true }],
    [undefined, true, undefined],
  ] as const)('choice %o with parallel %s', (toolChoice, parallelToolCalls, expected) => {
    const { body } = send({
      tools: [look],
      ...(toolChoice && { toolChoice }),
      ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    });
    expect(body['tool_choice']).toEqual(expected);
  });

  test('a subset is sent as the whole list', () => {
    const { body } = send({
      tools: [look, { kind: 'function', name: 'other' }],
      toolChoice: { mode: 'allowed', choice: 'any', names: ['look'] },
    });
    expect((body['tools'] as JsonObject[]).map(({ name }) => name)).toEqual(['look']);
    expect(body['tool_choice']).toEqual({ type: 'any' });
  });

  test.each([
    ['', {}],
    ['{"a":1}', { a: 1 }],
    ['{"a":', { __raw_arguments: '{"a":' }],
    ['[1]', { __raw_arguments: '[1]' }],
  ])('arguments %j', (words, input) => {
    const { body } = send({
      tools: [look],
      turns: [user('go'), { role: 'assistant', parts: [call('1', words)] }, result('1', '')],
    });
    const [, turn] = body['messages'] as { content: JsonObject[] }[];
    expect(turn?.content[0]).toEqual({ type: 'tool_use', id: '1', name: 'look', input });
    const back = messagesCodec.decodeRequest(structuredClone(body)).turns[1]?.parts[0];
    expect(back).toMatchObject({ arguments: words === '' ? '{}' : words });
  });

  test('long numbers in arguments keep their digits', () => {
    const { body } = send({ turns: [{ role: 'assistant', parts: [call('1', '{"id":12345678901234567890,"n":1}')] }] });
    expect(JSON.stringify(body)).toContain('"input":{"id":12345678901234567890,"n":1}');
  });

  test('tools that only the history knows are declared again and may not be called', () => {
    const { body, notes } = send({ turns: [user('a'), { role: 'assistant', parts: [call('1')] }, result('1', 'x')] });
    expect(body['tools']).toMatchObject([{ name: 'look', input_schema: { type: 'object' } }]);
    expect(body['tool_choice']).toEqual({ type: 'none' });
    expect(notes.join('\n')).toMatch(/declared again/);
  });

  test('hosted and custom tools are refused', () => {
    expect(() => send({ tools: [{ kind: 'hosted', format: 'responses', name: 'web_search', value: {} }] })).toThrow(
      /web_search/,
    );
    expect(() => send({ tools: [{ kind: 'custom', name: 'sh' }] })).toThrow(/custom/);
  });

  test('names and ids that Anthropic refuses are mapped, in declaration, choice, call and result alike', () => {
    const name = 'mail.send now';
    const { body } = send({
      tools: [{ kind: 'function', name }],
      toolChoice: { mode: 'tool', name, kind: 'function' },
      turns: [
        user('go'),
        { role: 'assistant', parts: [{ type: 'toolCall', id: 'f:0', name, arguments: '', kind: 'function' }] },
        result('f:0', 'ok'),
      ],
    });
    const wire = (body['tools'] as JsonObject[])[0]?.['name'];
    expect(wire).toMatch(/^mail_send_now_[0-9a-f]{8}$/);
    expect(body['tool_choice']).toEqual({ type: 'tool', name: wire });
    const [, first, second] = body['messages'] as { content: JsonObject[] }[];
    expect(first?.content[0]?.['name']).toBe(wire);
    expect(second?.content[0]?.['tool_use_id']).toBe(first?.content[0]?.['id']);
  });
});

/** The block that a document from a client of another format becomes. */
const sentDocument = (source: Extract<Part, { type: 'document' }>['source']): unknown =>
  (
    send({ turns: [{ role: 'user', parts: [{ type: 'document', source, name: 'a.pdf' }] }] }).body['messages'] as {
      content: unknown[];
    }[]
  )[0]?.content[0];

describe('content', () => {
  test('documents: PDF, text, URL; others are refused', () => {
    expect(sentDocument({ kind: 'base64', mediaType: 'application/pdf', data: 'JVBE' })).toEqual({
      type: 'document',
      title: 'a.pdf',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' },
    });
    expect(sentDocument({ kind: 'base64', mediaType: 'text/csv', data: 'YSxi' })).toMatchObject({
      source: { type: 'text', media_type: 'text/plain', data: 'a,b' },
    });
    expect(() => sentDocument({ kind: 'base64', mediaType: 'application/zip', data: 'AA' })).toThrow(
      /application\/zip/,
    );
    expect(() => sentDocument({ kind: 'file', id: 'file-1' })).toThrow(/another provider/);
  });

  test('sound is refused; the detail of an image is noted', () => {
    expect(() => send({ turns: [{ role: 'user', parts: [{ type: 'audio', data: 'AA', encoding: 'wav' }] }] })).toThrow(
      /audio/,
    );
    const image: Part = { type: 'image', detail: 'high', source: { kind: 'url', url: 'https://example.org/a.png' } };
    expect(send({ turns: [{ role: 'user', parts: [image] }] }).notes.join('\n')).toMatch(/detail/);
  });

  test('cache marks stay where they are', () => {
    const marked: Part = { type: 'text', text: 'long', cache: { ttl: '1h' } };
    const { body } = send({
      turns: [{ role: 'user', parts: [marked, text('short')] }],
      tools: [{ ...look, cache: { ttl: undefined } }],
    });
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'long', cache_control: { type: 'ephemeral', ttl: '1h' } },
          { type: 'text', text: 'short' },
        ],
      },
    ]);
    expect(body['tools']).toMatchObject([{ cache_control: { type: 'ephemeral' } }]);
  });
});

describe('reasoning', () => {
  test.each([
    ['claude-sonnet-4-6', 'high', { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }],
    ['claude-opus-5', 'minimal', { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }],
    ['claude-opus-5', 'none', { thinking: { type: 'disabled' } }],
    ['claude-sonnet-4-5-20250929', 'medium', { thinking: { type: 'enabled', budget_tokens: 8192 } }],
    ['anthropic.claude-sonnet-4-20250514-v1:0', 'medium', { thinking: { type: 'enabled', budget_tokens: 8192 } }],
    ['claude-3-7-sonnet-latest', 'low', { thinking: { type: 'enabled', budget_tokens: 2048 } }],
    ['claude-3-5-haiku-latest', 'high', {}],
  ])('%s, effort %s', (model, effort, expected) => {
    const { body } = send({ reasoning: { effort } }, { model });
    const { thinking, output_config } = body;
    expect({
      ...(thinking !== undefined && { thinking }),
      ...(output_config !== undefined && { output_config }),
    }).toEqual(expected);
  });

  test('max_tokens is raised above the budget', () => {
    const { body, notes } = send(
      { reasoning: { effort: 'medium' }, maxOutputTokens: 100 },
      { model: 'claude-sonnet-4-5' },
    );
    expect(body['max_tokens']).toBe(8292);
    expect(notes.join('\n')).toMatch(/raised from 100 to 8292/);
  });

  test('a forced tool turns thinking off', () => {
    const { body, notes } = send({ reasoning: { effort: 'high' }, tools: [look], toolChoice: { mode: 'any' } });
    expect(body['thinking']).toEqual({ type: 'disabled' });
    expect(notes.join('\n')).toMatch(/forced/);
  });

  test("a signature of the vendor's own goes back as it was, before the call", () => {
    const turns: Turn[] = [
      user('a'),
      { role: 'assistant', parts: [call('1'), thought('anthropic')] },
      result('1', 'x'),
    ];
    const { body } = send({ turns, tools: [look], reasoning: { effort: 'high' } });
    const [, assistant] = body['messages'] as { content: JsonObject[] }[];
    expect(assistant?.content[0]).toEqual({ type: 'thinking', thinking: 'hm', signature: 'sig' });
    expect(body['thinking']).toEqual({ type: 'adaptive' });
  });

  test('a foreign signature is stripped, and a tool turn that lost its thoughts turns thinking off', () => {
    const turns: Turn[] = [user('a'), { role: 'assistant', parts: [thought('openai'), call('1')] }, result('1', 'x')];
    const { body, notes } = send({ turns, tools: [look], reasoning: { effort: 'high' } });
    expect(JSON.stringify(body)).not.toContain('sig');
    expect(body['thinking']).toEqual({ type: 'disabled' });
    expect(notes).toHaveLength(3);
  });

  test("a client's own body with a foreign carrier loses that block only", () => {
    const signature = wrapOpaque({ vendor: 'openai', model: 'gpt-5', values: { encrypted_content: 'gA' } });
    const body = {
      model: 'm',
      max_tokens: 9000,
      thinking: { type: 'enabled', budget_tokens: 2000 },
      tools: [{ name: 'look', input_schema: { type: 'object' } }],
      messages: [
        { role: 'user', content: 'a' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature },
            { type: 'tool_use', id: '1', name: 'look', input: {} },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: '1', content: 'x' }] },
      ],
    };
    const notes: Note[] = [];
    const sent = messagesCodec.encodeRequest(messagesCodec.decodeRequest(structuredClone(body)), {
      vendor: 'anthropic',
      model: 'm',
      maxTokensDefault: { tokens: 1, source: 'x' },
      dialectal: plainDialect,
      note: (note) => notes.push(note),
    });
    expect(sent).toEqual({
      ...body,
      thinking: { type: 'disabled' },
      messages: [body.messages[0], { role: 'assistant', content: [body.messages[1]?.content[1]] }, body.messages[2]],
    });
    expect(notes.map(({ path }) => path)).toEqual(['messages[1].content[0]', 'thinking']);
  });

  test('the carrier of the same vendor is opened byte-exactly', () => {
    const signature = wrapOpaque({ vendor: 'anthropic', values: { signature: 'Eq+/=' } });
    const hub = messagesCodec.decodeRequest({
      model: 'm',
      messages: [{ role: 'assistant', content: [{ type: 'thinking', thinking: ' hm ', signature }] }],
    });
    expect(JSON.stringify(send({ turns: hub.turns }).body['messages'])).toContain(
      '{"type":"thinking","thinking":" hm ","signature":"Eq+/="}',
    );
  });
});

describe('limits and parameters', () => {
  test('a missing limit is filled in, and its source is said', () => {
    const { body, notes } = send({});
    expect(body['max_tokens']).toBe(4096);
    expect(notes).toEqual(['max_completion_tokens: 4096, which the table of maxima says: the client gave none']);
  });

  test('temperature is clamped; beside it top_p goes; blank stop sequences go', () => {
    const { body, notes } = send({ temperature: 1.5, topP: 0.9, stop: ['END', ' '] });
    expect(body).toMatchObject({ temperature: 1, stop_sequences: ['END'] });
    expect(body).not.toHaveProperty('top_p');
    expect(notes).toHaveLength(4);
  });

  test('the newest models take no sampling parameters, older ones take both', () => {
    const asked = { temperature: 0.5, topP: 0.9, topK: 5 };
    expect(send(asked, { model: 'claude-opus-4-7' }).body).not.toHaveProperty('temperature');
    expect(
      send(asked, { model: 'claude-opus-4-7' }).notes.filter((note) => note.includes('default alone')),
    ).toHaveLength(3);
    expect(send(asked, { model: 'claude-sonnet-4-20250514' }).body).toMatchObject({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
    });
  });

  test('JSON schema, and JSON mode by an instruction', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    };
    expect(send({ output: { type: 'jsonSchema', name: 'x', schema, strict: true } }).body['output_config']).toEqual({
      format: { type: 'json_schema', schema },
    });
    expect(send({ output: { type: 'json' } }).body['system']).toBe(jsonInstruction);
  });

  test('what Anthropic has no word for is noted, what changes the meaning is refused', () => {
    const { notes } = send({
      seed: 1,
      logprobs: 2,
      frequencyPenalty: 1,
      presencePenalty: 1,
      verbosity: 'low',
      store: true,
    });
    expect(notes.map((note) => note.split(':')[0])).toEqual(
      expect.arrayContaining(['seed', 'logprobs', 'frequency_penalty', 'presence_penalty', 'verbosity', 'store']),
    );
    expect(() => send({ count: 2 })).toThrow(/one answer/);
    expect(() => send({ previousId: 'resp_1' })).toThrow(/conversation/);
  });

  test('service tiers that have a counterpart, and the user', () => {
    expect(send({ serviceTier: 'default', user: 'u-1' }).body).toMatchObject({
      service_tier: 'standard_only',
      metadata: { user_id: 'u-1' },
    });
    expect(send({ serviceTier: 'flex' }).notes.join('\n')).toMatch(/tier flex/);
    expect(send({ user: 'u'.repeat(300) }).body).not.toHaveProperty('metadata');
  });

  test('parameters that a provider does not take are dropped by its table', () => {
    const { body, notes } = send(
      { temperature: 0.5 },
      { dialectal: { ...plainDialect, dropParameters: ['temperature'] } },
    );
    expect(body).not.toHaveProperty('temperature');
    expect(notes.join('\n')).toMatch(/temperature: left out/);
  });

  test('a count has neither limit nor sampling', () => {
    const { body } = send({ temperature: 0.5, stream: true, maxOutputTokens: 5 }, { isCounting: true });
    expect(Object.keys(body)).toEqual(['model', 'messages']);
  });
});
