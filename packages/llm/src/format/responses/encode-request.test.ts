// What a Responses provider is sent for requests of other formats, and of its own.
import { describe, expect, test } from 'vitest';
import { wrapOpaque } from '../../carrier.ts';
import { type RequestContext, plainDialect } from '../../hub/codec.ts';
import { CodecError, type JsonObject, type Note } from '../../hub/extra.ts';
import type { HubRequest, Turn } from '../../hub/request.ts';
import { responsesCodec } from './codec.ts';
import { maxOutputTokensMin } from './request-form.ts';

function send(request: Partial<HubRequest>, over: Partial<RequestContext> = {}) {
  const notes: Note[] = [];
  const hub: HubRequest = { model: 'm', turns: [], stream: false, ...request };
  const body = responsesCodec.encodeRequest(hub, {
    vendor: 'openai',
    model: 'up',
    maxTokensDefault: { tokens: 4096, source: 'test' },
    dialectal: plainDialect,
    note: (note) => notes.push(note),
    ...over,
  });
  return { body, notes };
}

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
  test('each piece is an item of its own, in order', () => {
    const turns: Turn[] = [
      { role: 'system', parts: [{ type: 'text', text: 'be brief' }] },
      { role: 'user', parts: [{ type: 'text', text: 'hi' }] },
      {
        role: 'assistant',
        parts: [
          { type: 'text', text: 'well' },
          { type: 'toolCall', kind: 'function', id: 't1', name: 'look', arguments: '' },
          { type: 'toolCall', kind: 'custom', id: 't2', name: 'run', arguments: 'x' },
        ],
      },
      {
        role: 'user',
        parts: [
          {
            type: 'toolResult',
            callId: 't1',
            content: [
              { type: 'text', text: 'seen' },
              { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } },
            ],
          },
          { type: 'toolResult', callId: 't2', content: [{ type: 'text', text: 'ran' }] },
          { type: 'text', text: 'go on' },
        ],
      },
    ];
    expect(send({ turns }).body['input']).toEqual([
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'well' },
      { type: 'function_call', call_id: 't1', name: 'look', arguments: '{}' },
      { type: 'custom_tool_call', call_id: 't2', name: 'run', input: 'x' },
      {
        type: 'function_call_output',
        call_id: 't1',
        output: [
          { type: 'input_text', text: 'seen' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'auto' },
        ],
      },
      { type: 'custom_tool_call_output', call_id: 't2', output: 'ran' },
      { role: 'user', content: 'go on' },
    ]);
  });

  test('several texts and a refusal of the model are one message with an id', () => {
    const turns: Turn[] = [
      {
        role: 'assistant',
        parts: [
          { type: 'text', text: 'a' },
          { type: 'refusal', text: 'no' },
        ],
      },
    ];
    expect(send({ turns }).body['input']).toEqual([
      {
        type: 'message',
        id: expect.stringMatching(/^msg_/) as string,
        role: 'assistant',
        status: 'completed',
        content: [
          { type: 'output_text', text: 'a', annotations: [] },
          { type: 'refusal', refusal: 'no' },
        ],
      },
    ]);
  });

  test('documents may be data or a URL', () => {
    const parts: Turn['parts'] = [
      { type: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AA==' }, name: 'My report' },
      { type: 'document', source: { kind: 'url', url: 'https://x/y.pdf' }, name: 'y' },
      { type: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AA==' }, name: 'a.v2.pdf' },
    ];
    expect(send({ turns: [{ role: 'user', parts }] }).body['input']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'input_file', file_data: 'data:application/pdf;base64,AA==', filename: 'My report.pdf' },
          { type: 'input_file', file_url: 'https://x/y.pdf' },
          { type: 'input_file', file_data: 'data:application/pdf;base64,AA==', filename: 'a.v2.pdf' },
        ],
      },
    ]);
  });
});

const thought = (vendor: string, values: Record<string, string>): Turn => ({
  role: 'assistant',
  parts: [{ type: 'reasoning', text: 'hm', opaque: { vendor, values } }],
});

describe('thoughts', () => {
  test('the vendor’s own are restored, others dropped with a note', () => {
    const own = send({ turns: [thought('openai', { id: 'rs_9', encrypted_content: 'E' })] });
    expect(own.body['input']).toEqual([
      { type: 'reasoning', id: 'rs_9', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'E' },
    ]);
    const foreign = send({ turns: [thought('anthropic', { signature: 'S' })] });
    expect(foreign.body['input']).toEqual([]);
    expect(foreign.notes).toHaveLength(1);
  });

  test('a carrier in a Responses client’s history is opened for its vendor, and for nobody else', () => {
    const encrypted = wrapOpaque({ vendor: 'openai', values: { id: 'rs_real', encrypted_content: 'E' } });
    const item = { type: 'reasoning', id: 'rs_f00d_0', summary: [], encrypted_content: encrypted };
    const hub = responsesCodec.decodeRequest({ model: 'm', input: [item] });
    expect(send(hub).body['input']).toEqual([
      { type: 'reasoning', id: 'rs_real', summary: [], encrypted_content: 'E' },
    ]);
    expect(send(hub, { vendor: 'azure' }).body['input']).toEqual([]);
  });
});

describe('parameters', () => {
  test('nothing is kept for clients of other formats, and thoughts come encrypted', () => {
    expect(send({}).body).toEqual({
      model: 'up',
      input: [],
      store: false,
      include: ['reasoning.encrypted_content'],
    });
    expect(send({}, { model: 'gpt-4o-mini' }).body).not.toHaveProperty('include');
    const own = responsesCodec.decodeRequest({ model: 'm', input: 'hi' });
    expect(send(own).body).toEqual({ model: 'up', input: 'hi' });
  });

  test('thinking asks for a summary, effort for nothing more', () => {
    expect(send({ reasoning: { mode: 'enabled', budgetTokens: 8192 } }).body['reasoning']).toEqual({
      effort: 'medium',
      summary: 'auto',
    });
    expect(send({ reasoning: { effort: 'high' } }).body['reasoning']).toEqual({ effort: 'high' });
  });

  test('tools are not strict unless they say so', () => {
    const { body } = send({ tools: [{ kind: 'function', name: 'a' }], toolChoice: { mode: 'any' } });
    expect(body['tools']).toEqual([
      { type: 'function', name: 'a', parameters: { type: 'object', properties: {} }, strict: false },
    ]);
    expect(body['tool_choice']).toBe('required');
  });

  test('a limit below the smallest is raised, aloud', () => {
    const { body, notes } = send({ maxOutputTokens: 1 });
    expect(body['max_output_tokens']).toBe(maxOutputTokensMin);
    expect(notes).toHaveLength(1);
  });

  test('what the format does not have is noted', () => {
    const { notes } = send({ topK: 1, seed: 2, frequencyPenalty: 1, presencePenalty: 1, logitBias: { a: 1 } });
    expect(notes.map(({ path }) => path).sort()).toEqual([
      'frequency_penalty',
      'logit_bias',
      'presence_penalty',
      'seed',
      'top_k',
    ]);
  });

  test.each([
    ['n', { count: 2 }],
    ['stop', { stop: ['a'] }],
    ['a', { turns: [{ role: 'user', parts: [{ type: 'audio', data: '', encoding: 'wav', path: 'a' }] }] }],
    ['web_search_options', { extra: { format: 'chat', fields: { web_search_options: {} } } }],
    ['f', { turns: [{ role: 'user', parts: [{ type: 'image', source: { kind: 'file', id: 'x' }, path: 'f' }] }] }],
  ] satisfies [string, Partial<HubRequest>][])('%s is refused', (path, request) => {
    expect(refusal(request)).toMatchObject({ kind: 'unsupported', path });
  });
});

describe('decoding', () => {
  test('consecutive items of the model make one turn', () => {
    const { turns } = responsesCodec.decodeRequest({
      model: 'm',
      instructions: 'be brief',
      input: [
        { role: 'user', content: 'hi' },
        { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'E' },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'a' }] },
        { type: 'function_call', call_id: 't1', name: 'look', arguments: '{}' },
        { type: 'function_call_output', call_id: 't1', output: 'seen' },
      ],
    });
    expect(turns.map(({ role, parts }) => [role, parts.map(({ type }) => type)])).toEqual([
      ['system', ['text']],
      ['user', ['text']],
      ['assistant', ['reasoning', 'text', 'toolCall']],
      ['tool', ['toolResult']],
    ]);
  });

  test.each([
    [{ model: 'm', input: 3 }, 'input'],
    [{ model: 'm', input: ['x'] }, 'input[0]'],
    [{ model: 'm', input: [{ role: 'king', content: '' }] }, 'input[0].role'],
    [{ model: 'm', input: [{ type: 'function_call', call_id: 't', name: 'a' }] }, 'input[0].arguments'],
    [{ model: 'm', input: [{ type: 'function_call_output', output: '' }] }, 'input[0].call_id'],
    [{ model: 'm', input: '', tools: [{}] }, 'tools[0].type'],
    [{ model: 'm', input: '', top_p: 'x' }, 'top_p'],
  ] satisfies [JsonObject, string][])('a mistake: %j', (body, path) => {
    expect(() => responsesCodec.decodeRequest(body)).toThrow(expect.objectContaining({ kind: 'invalid', path }));
  });
});
