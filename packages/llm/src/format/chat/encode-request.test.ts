// What a Chat Completions provider is sent for requests of other formats, and of its own.
import { describe, expect, test } from 'vitest';
import { wrapOpaque } from '../../carrier.ts';
import { type Dialectal, type RequestContext, plainDialect } from '../../hub/codec.ts';
import { effortBudgets } from '../../hub/effort.ts';
import { CodecError, type JsonObject, type Note } from '../../hub/extra.ts';
import type { HubRequest, Turn } from '../../hub/request.ts';
import { chatCodec } from './codec.ts';
import { toolMediaMarker } from './turn.ts';

function send(request: Partial<HubRequest>, dialectal: Partial<Dialectal> = {}, vendor = 'openai') {
  const notes: Note[] = [];
  const context: RequestContext = {
    vendor,
    model: 'up',
    maxTokensDefault: { tokens: 4096, source: 'test' },
    dialectal: { ...plainDialect, ...dialectal },
    note: (note) => notes.push(note),
  };
  const hub: HubRequest = { model: 'm', turns: [], stream: false, ...request };
  return { body: chatCodec.encodeRequest(hub, context), notes };
}

const ask: Turn = { role: 'user', parts: [{ type: 'text', text: 'hi' }] };
const call = (id: string): Turn => ({
  role: 'assistant',
  parts: [{ type: 'toolCall', kind: 'function', id, name: 'look', arguments: '{"a":1}' }],
});

function refusal(request: Partial<HubRequest>): CodecError {
  try {
    send(request);
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('turns', () => {
  test('results of a user turn become tool messages before its text', () => {
    const { body } = send({
      turns: [
        call('t1'),
        {
          role: 'user',
          parts: [
            { type: 'text', text: 'and then?' },
            { type: 'toolResult', callId: 't1', content: [{ type: 'text', text: '42' }] },
          ],
        },
      ],
    });
    expect(body['messages']).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }],
      },
      { role: 'tool', tool_call_id: 't1', content: '42' },
      { role: 'user', content: 'and then?' },
    ]);
  });

  test('ids that the API would refuse are the same short ones on call and result', () => {
    const id = 'x'.repeat(80);
    const { body } = send({
      turns: [call(id), { role: 'tool', parts: [{ type: 'toolResult', callId: id, content: [] }] }],
    });
    const [called, result] = body['messages'] as [{ tool_calls: { id: string }[] }, { tool_call_id: string }];
    expect(result.tool_call_id.length).toBeLessThanOrEqual(64);
    expect(called.tool_calls[0]?.id).toBe(result.tool_call_id);
  });

  test('media of parallel results follow the last of them in one user message each, behind a marker', () => {
    const image = { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } } as const;
    const { body, notes } = send({
      turns: [
        { role: 'assistant', parts: [...call('t1').parts, ...call('t2').parts] },
        {
          role: 'user',
          parts: [
            { type: 'toolResult', callId: 't1', content: [image] },
            { type: 'toolResult', callId: 't2', content: [{ type: 'text', text: 'b' }] },
          ],
        },
        ask,
      ],
    });
    const messages = body['messages'] as JsonObject[];
    expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'tool', 'user', 'user']);
    expect(messages[1]).toEqual({ role: 'tool', tool_call_id: 't1', content: '' });
    expect(messages[3]).toEqual({
      role: 'user',
      content: [
        { type: 'text', text: toolMediaMarker('t1') },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
      ],
    });
    expect(notes).toHaveLength(1);
  });

  test('developer is system where the vendor does not know it', () => {
    const turns: Turn[] = [{ role: 'developer', parts: [{ type: 'text', text: 'be brief' }] }];
    expect(send({ turns }).body['messages']).toEqual([{ role: 'developer', content: 'be brief' }]);
    expect(send({ turns }, { hasDeveloperRole: false }).body['messages']).toEqual([
      { role: 'system', content: 'be brief' },
    ]);
  });

  test('several texts stay apart', () => {
    const parts = ['a', 'b'].map((text) => ({ type: 'text', text }) as const);
    expect(send({ turns: [{ role: 'user', parts }] }).body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
  });

  test('cache marks and the error flag of a result are noted, not moved', () => {
    const { body, notes } = send({
      turns: [
        { role: 'user', parts: [{ type: 'text', text: 'hi', cache: { ttl: '1h' }, path: 'messages[0].content[0]' }] },
        call('t1'),
        { role: 'user', parts: [{ type: 'toolResult', callId: 't1', content: [], isError: true, path: 'r' }] },
      ],
    });
    expect(JSON.stringify(body)).not.toContain('cache');
    expect(notes.map(({ path }) => path)).toEqual(['messages[0].content[0].cache_control', 'r.is_error']);
  });

  test('documents: data with a name, text as text, a URL refused', () => {
    const pdf = { type: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AA==' } } as const;
    const text = { type: 'document', source: { kind: 'text', mediaType: 'text/plain', text: 'words' } } as const;
    expect(send({ turns: [{ role: 'user', parts: [pdf, text] }] }).body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'file', file: { file_data: 'data:application/pdf;base64,AA==', filename: 'document.pdf' } },
          { type: 'text', text: 'words' },
        ],
      },
    ]);
    const url = { type: 'document', source: { kind: 'url', url: 'https://x' }, path: 'here' } as const;
    expect(refusal({ turns: [{ role: 'user', parts: [url] }] })).toMatchObject({ kind: 'unsupported', path: 'here' });
  });
});

const thought = (vendor: string, values: Record<string, string>): Turn => ({
  role: 'assistant',
  parts: [
    { type: 'reasoning', text: 'hm', opaque: { vendor, values } },
    { type: 'text', text: 'so' },
  ],
});

describe('thoughts', () => {
  const plain: Turn = {
    role: 'assistant',
    parts: [
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'so' },
    ],
  };

  test('signed by another vendor: dropped with a note', () => {
    const { body, notes } = send(
      { turns: [thought('anthropic', { signature: 's' })] },
      { reasoningMember: 'reasoning' },
    );
    expect(body['messages']).toEqual([{ role: 'assistant', content: 'so' }]);
    expect(notes).toHaveLength(1);
  });

  test('signed by the vendor itself: given back as it made them', () => {
    const { body } = send({ turns: [thought('openrouter', { signature: 's', format: 'f' })] }, {}, 'openrouter');
    expect(body['messages']).toEqual([
      {
        role: 'assistant',
        content: 'so',
        reasoning_details: [{ type: 'reasoning.text', text: 'hm', signature: 's', format: 'f' }],
      },
    ]);
  });

  test('unsigned: in the member that the vendor reads, else dropped', () => {
    expect(send({ turns: [plain] }, { reasoningMember: 'reasoning_content' }).body['messages']).toEqual([
      { role: 'assistant', content: 'so', reasoning_content: 'hm' },
    ]);
    expect(send({ turns: [plain] }).body['messages']).toEqual([{ role: 'assistant', content: 'so' }]);
  });

  test('a carrier in a chat client’s history reaches its vendor opened, and nobody else', () => {
    const signature = wrapOpaque({ vendor: 'openrouter', values: { signature: 'S' } });
    const hub = chatCodec.decodeRequest({
      model: 'm',
      messages: [
        {
          role: 'assistant',
          content: 'so',
          reasoning_content: 'hm',
          reasoning_details: [{ type: 'reasoning.text', text: 'hm', signature, index: 0 }],
        },
      ],
    });
    const sent = send(hub, {}, 'openrouter').body;
    expect(JSON.stringify(sent)).toContain('"signature":"S"');
    expect(JSON.stringify(sent)).not.toContain(signature);
    expect(send(hub, {}, 'openai').body['messages']).toEqual([{ role: 'assistant', content: 'so' }]);
  });
});

describe('parameters', () => {
  test('the limit goes where the vendor reads it; a chat client keeps its own spelling', () => {
    expect(send({ maxOutputTokens: 7 }).body['max_completion_tokens']).toBe(7);
    expect(send({ maxOutputTokens: 7 }, { maxTokensMember: 'max_tokens' }).body).toMatchObject({ max_tokens: 7 });
    const own = chatCodec.decodeRequest({ model: 'm', messages: [], max_tokens: 9 });
    expect(send(own).body).toMatchObject({ max_tokens: 9 });
  });

  test.each(Object.entries(effortBudgets).filter(([word]) => word !== 'none'))(
    'a budget is the effort %s',
    (word, budgetTokens) => {
      expect(send({ reasoning: { budgetTokens, mode: 'enabled' } }).body['reasoning_effort']).toBe(word);
    },
  );

  test('OpenRouter’s way to ask for thinking is understood', () => {
    const hub = chatCodec.decodeRequest({ model: 'm', messages: [], reasoning: { effort: 'high', exclude: true } });
    expect(hub.reasoning).toEqual({ effort: 'high' });
    expect(send(hub).body).toMatchObject({ reasoning: { effort: 'high', exclude: true } });
  });

  test('an effort that nobody knows is left out across formats, kept in its own', () => {
    const { body, notes } = send({ reasoning: { effort: 'default' } });
    expect(body).not.toHaveProperty('reasoning_effort');
    expect(notes).toHaveLength(1);
    const own = chatCodec.decodeRequest({ model: 'm', messages: [], reasoning_effort: 'default' });
    expect(send(own).body['reasoning_effort']).toBe('default');
  });

  test('usage of a stream is always asked for, where the vendor can be asked', () => {
    expect(send({ stream: true }).body['stream_options']).toEqual({ include_usage: true });
    expect(send({ stream: true, includeUsage: true }, { hasStreamOptions: false }).body).not.toHaveProperty(
      'stream_options',
    );
    expect(send({}).body).not.toHaveProperty('stream_options');
  });

  test('what the vendor does not take is dropped with a note', () => {
    const { body, notes } = send({ topP: 0.5, topK: 4, seed: 1 }, { dropParameters: ['top_p'] });
    expect(body).not.toHaveProperty('top_p');
    expect(body).not.toHaveProperty('top_k');
    expect(body['seed']).toBe(1);
    expect(notes.map(({ path }) => path).sort()).toEqual(['top_k', 'top_p']);
  });

  test('tools and choices', () => {
    const tools: NonNullable<HubRequest['tools']> = [
      { kind: 'function', name: 'a' },
      { kind: 'custom', name: 'b', format: { type: 'grammar', syntax: 'lark', definition: 'd' } },
    ];
    const choice = (toolChoice: HubRequest['toolChoice']) =>
      send({ tools, toolChoice: toolChoice! }).body['tool_choice'];
    expect(send({ tools }).body['tools']).toEqual([
      { type: 'function', function: { name: 'a', parameters: { type: 'object', properties: {} } } },
      {
        type: 'custom',
        custom: { name: 'b', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'd' } } },
      },
    ]);
    expect(choice({ mode: 'any' })).toBe('required');
    expect(choice({ mode: 'tool', name: 'b', kind: 'custom' })).toEqual({ type: 'custom', custom: { name: 'b' } });
    expect(choice({ mode: 'allowed', choice: 'any', names: ['a'] })).toEqual({
      type: 'allowed_tools',
      allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'a' } }] },
    });
    expect(send({ toolChoice: { mode: 'any' }, parallelToolCalls: false }).body).toEqual({ model: 'up', messages: [] });
  });

  test('a schema without a name gets one', () => {
    const { body } = send({ output: { type: 'jsonSchema', schema: { type: 'object' } } });
    expect(body['response_format']).toEqual({
      type: 'json_schema',
      json_schema: { name: 'response', schema: { type: 'object' } },
    });
  });

  test.each([
    ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
    ['previous_response_id', { previousId: 'resp_1' }],
    ['tools[0]', { tools: [{ kind: 'hosted', format: 'messages', name: 'web', value: {}, path: 'tools[0]' }] }],
    ['background', { extra: { format: 'responses', fields: { background: true } } }],
  ] satisfies [string, Partial<HubRequest>][])('%s is refused', (path, request) => {
    const error = refusal(request);
    expect(error.kind).toBe('unsupported');
    expect(error.path).toContain(path);
  });
});

describe('the older form', () => {
  const body = {
    model: 'm',
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, function_call: { name: 'look', arguments: '{}' } },
      { role: 'function', name: 'look', content: 'seen' },
    ],
    functions: [{ name: 'look', parameters: { type: 'object', properties: {} } }],
    function_call: 'auto',
  };

  test('is understood as tools', () => {
    const hub = chatCodec.decodeRequest(structuredClone(body));
    const [, assistant, result] = hub.turns;
    expect(hub.tools).toMatchObject([{ kind: 'function', name: 'look' }]);
    expect(hub.toolChoice).toMatchObject({ mode: 'auto' });
    const called = assistant?.parts[0];
    const answered = result?.parts[0];
    expect(called).toMatchObject({ type: 'toolCall', name: 'look' });
    expect(answered).toMatchObject({ type: 'toolResult', callId: called?.type === 'toolCall' ? called.id : '' });
  });

  test('is written again as it came', () => {
    const hub = structuredClone(chatCodec.decodeRequest(structuredClone(body)));
    expect(send(hub).body).toEqual({ ...body, model: 'up' });
  });
});

describe('mistakes', () => {
  test.each([
    [{ model: 'm' }, 'messages'],
    [{ model: 'm', messages: {} }, 'messages'],
    [{ model: 'm', messages: ['hi'] }, 'messages[0]'],
    [{ model: 'm', messages: [{ role: 'king', content: '' }] }, 'messages[0].role'],
    [{ model: 'm', messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text'],
    [{ model: 'm', messages: [{ role: 'tool', content: '' }] }, 'messages[0].tool_call_id'],
    [{ model: 'm', messages: [], temperature: '1' }, 'temperature'],
    [{ model: 'm', messages: [], stop: [1] }, 'stop'],
    [{ model: 'm', messages: [], tools: [{ type: 'function' }] }, 'tools[0].function'],
  ] satisfies [JsonObject, string][])('%j', (body, path) => {
    expect(() => chatCodec.decodeRequest(body)).toThrow(
      expect.objectContaining({ kind: 'invalid', path, message: expect.stringContaining(path) as string }),
    );
  });
});
