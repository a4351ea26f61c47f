// What providers can answer, in each one's words, and what each client must get in its own.
import type { FormatName } from '../format.ts';
import type { JsonObject } from '../hub/extra.ts';
import type { Absent, PerFormat, Square } from './square.ts';

/** One feature of answers. */
export interface AnswerFeature {
  readonly answered: PerFormat<JsonObject | Absent>;
  readonly received: PerFormat<Square>;
}

const chatUsage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const responsesUsage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 15,
};
const messagesUsage = { input_tokens: 10, output_tokens: 5 };

const chat = (message: JsonObject, finish = 'stop', more: JsonObject = {}): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'gpt-4.1-2025-04-14',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: null, refusal: null, ...message },
      logprobs: null,
      finish_reason: finish,
    },
  ],
  usage: chatUsage,
  ...more,
});

const responses = (output: JsonObject[], more: JsonObject = {}): JsonObject => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_700_000_000,
  status: 'completed',
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model: 'gpt-5-2025-08-07',
  output,
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  usage: responsesUsage,
  ...more,
});

const messages = (content: JsonObject[], stop_reason = 'end_turn', more: JsonObject = {}): JsonObject => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-6',
  content,
  stop_reason,
  stop_sequence: null,
  usage: messagesUsage,
  ...more,
});

const body = (body: JsonObject): { readonly body: JsonObject } => ({ body });
const said = (text: string): JsonObject => ({
  type: 'message',
  id: 'msg_out_1',
  status: 'completed',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
});
const text = (text: string): JsonObject => ({ type: 'text', text });

const call = (id: string, args: string): JsonObject => ({
  id,
  type: 'function',
  function: { name: 'weather', arguments: args },
});
const flatCall = (call_id: string, args: string): JsonObject => ({
  type: 'function_call',
  id: `fc_${call_id}`,
  call_id,
  name: 'weather',
  arguments: args,
  status: 'completed',
});
const use = (id: string, input: JsonObject): JsonObject => ({ type: 'tool_use', id, name: 'weather', input });

const words = 'Hello, wörld 👋';

/** Answers that are one text and stop for the reasons given, as each client must read them. */
function stops(
  answered: PerFormat<JsonObject | Absent>,
  received: { readonly chat: string; readonly responses: JsonObject; readonly messages: JsonObject },
): AnswerFeature {
  return {
    answered,
    received: {
      chat: body({ choices: [{ finish_reason: received.chat }] }),
      responses: body(received.responses),
      messages: body(received.messages),
    },
  };
}

/** Values of the makers that a thought must be sent back with. */
export const seals = { responses: 'gAAAAABo-sealed+/=', messages: 'EqQBCkYIBBgCKkBTYWZl+/==' } as const;

const thoughts: PerFormat<JsonObject> = {
  chat: chat({ content: words, reasoning_content: 'Hm, let me see.' }),
  responses: responses([
    {
      type: 'reasoning',
      id: 'rs_1',
      summary: [{ type: 'summary_text', text: 'Hm, let me see.' }],
      encrypted_content: seals.responses,
    },
    said(words),
  ]),
  messages: messages([{ type: 'thinking', thinking: 'Hm, let me see.', signature: seals.messages }, text(words)]),
};

/** Every feature of answers. */
export const answerFeatures = {
  text: {
    answered: {
      chat: chat({ content: words }),
      responses: responses([said(words)]),
      messages: messages([text(words)]),
    },
    received: {
      chat: body({ choices: [{ index: 0, message: { role: 'assistant', content: words }, finish_reason: 'stop' }] }),
      responses: body({
        object: 'response',
        status: 'completed',
        output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: words }] }],
      }),
      messages: body({ type: 'message', role: 'assistant', content: [text(words)], stop_reason: 'end_turn' }),
    },
  },
  parallelCalls: {
    answered: {
      chat: chat({ tool_calls: [call('c1', '{"city":"Rome"}'), call('c2', '{"city":"Oslo"}')] }, 'tool_calls'),
      responses: responses([flatCall('c1', '{"city":"Rome"}'), flatCall('c2', '{"city":"Oslo"}')]),
      messages: messages([use('c1', { city: 'Rome' }), use('c2', { city: 'Oslo' })], 'tool_use'),
    },
    received: {
      chat: body({
        choices: [
          {
            finish_reason: 'tool_calls',
            message: { tool_calls: [call('c1', '{"city":"Rome"}'), call('c2', '{"city":"Oslo"}')] },
          },
        ],
      }),
      responses: body({
        status: 'completed',
        output: [
          { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"city":"Rome"}', status: 'completed' },
          { type: 'function_call', call_id: 'c2', name: 'weather', arguments: '{"city":"Oslo"}', status: 'completed' },
        ],
      }),
      messages: body({ content: [use('c1', { city: 'Rome' }), use('c2', { city: 'Oslo' })], stop_reason: 'tool_use' }),
    },
  },
  textThenCall: {
    answered: {
      chat: chat({ content: words, tool_calls: [call('c1', '{"city":"Rome"}')] }, 'tool_calls'),
      responses: responses([said(words), flatCall('c1', '{"city":"Rome"}')]),
      messages: messages([text(words), use('c1', { city: 'Rome' })], 'tool_use'),
    },
    received: {
      chat: body({ choices: [{ message: { content: words, tool_calls: [call('c1', '{"city":"Rome"}')] } }] }),
      responses: body({ output: [{ type: 'message' }, { type: 'function_call', call_id: 'c1' }] }),
      messages: body({ content: [text(words), use('c1', { city: 'Rome' })] }),
    },
  },
  emptyArguments: {
    answered: {
      chat: chat({ tool_calls: [call('c1', '')] }, 'tool_calls'),
      responses: responses([flatCall('c1', '{}')]),
      messages: messages([use('c1', {})], 'tool_use'),
    },
    received: {
      chat: (out) =>
        body({
          choices: [{ message: { tool_calls: [call('c1', out === 'chat' ? '' : '{}')] }, finish_reason: 'tool_calls' }],
        }),
      responses: body({ output: [{ type: 'function_call', call_id: 'c1', arguments: '{}' }] }),
      messages: body({ content: [use('c1', {})], stop_reason: 'tool_use' }),
    },
  },
  reasoning: {
    answered: thoughts,
    received: {
      chat: body({ choices: [{ message: { content: words, reasoning_content: 'Hm, let me see.' } }] }),
      responses: body({
        output: [
          { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm, let me see.' }] },
          { type: 'message' },
        ],
      }),
      messages: body({ content: [{ type: 'thinking', thinking: 'Hm, let me see.' }, text(words)] }),
    },
  },
  stopLength: stops(
    {
      chat: chat({ content: 'cut' }, 'length'),
      responses: responses([{ ...said('cut'), status: 'incomplete' }], {
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
      }),
      messages: messages([text('cut')], 'max_tokens'),
    },
    {
      chat: 'length',
      responses: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      messages: { stop_reason: 'max_tokens' },
    },
  ),
  stopContextFull: stops(
    {
      chat: { absent: 'length says it too' },
      responses: { absent: 'max_output_tokens says it too' },
      messages: messages([text('cut')], 'model_context_window_exceeded'),
    },
    { chat: 'length', responses: { status: 'incomplete' }, messages: { stop_reason: 'model_context_window_exceeded' } },
  ),
  stopSequence: stops(
    {
      chat: { absent: 'stop says it too' },
      responses: { absent: 'Responses has no stop sequences' },
      messages: messages([text('up to')], 'stop_sequence', { stop_sequence: 'END' }),
    },
    {
      chat: 'stop',
      responses: { status: 'completed' },
      messages: { stop_reason: 'stop_sequence', stop_sequence: 'END' },
    },
  ),
  stopFiltered: stops(
    {
      chat: chat({ content: 'so' }, 'content_filter'),
      responses: responses([{ ...said('so'), status: 'incomplete' }], {
        status: 'incomplete',
        incomplete_details: { reason: 'content_filter' },
      }),
      messages: messages([text('so')], 'refusal'),
    },
    {
      chat: 'content_filter',
      responses: { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
      messages: { stop_reason: 'refusal' },
    },
  ),
  stopPaused: stops(
    {
      chat: { absent: 'OpenAI pauses nothing' },
      responses: { absent: 'OpenAI pauses nothing' },
      messages: messages([text('wait')], 'pause_turn'),
    },
    { chat: 'stop', responses: { status: 'incomplete' }, messages: { stop_reason: 'pause_turn' } },
  ),
  refusal: {
    answered: {
      chat: chat({ refusal: 'I will not.' }),
      responses: responses([{ ...said(''), content: [{ type: 'refusal', refusal: 'I will not.' }] }]),
      messages: messages([], 'refusal', {
        stop_details: { type: 'refusal', category: 'cyber', explanation: 'I will not.' },
      }),
    },
    received: {
      chat: body({ choices: [{ message: { refusal: 'I will not.' } }] }),
      responses: (out) =>
        out === 'messages'
          ? body({ status: 'incomplete', incomplete_details: { reason: 'content_filter' } })
          : body({ output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'I will not.' }] }] }),
      messages: body({ stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'I will not.' } }),
    },
  },
  usageWithCache: {
    answered: {
      chat: chat({ content: 'x' }, 'stop', {
        usage: {
          prompt_tokens: 100,
          completion_tokens: 20,
          total_tokens: 120,
          prompt_tokens_details: { cached_tokens: 60 },
          completion_tokens_details: { reasoning_tokens: 8 },
        },
      }),
      responses: responses([said('x')], {
        usage: {
          input_tokens: 100,
          input_tokens_details: { cached_tokens: 60 },
          output_tokens: 20,
          output_tokens_details: { reasoning_tokens: 8 },
          total_tokens: 120,
        },
      }),
      messages: messages([text('x')], 'end_turn', {
        usage: {
          input_tokens: 40,
          cache_read_input_tokens: 60,
          cache_creation_input_tokens: 0,
          output_tokens: 20,
          output_tokens_details: { thinking_tokens: 8 },
        },
      }),
    },
    received: {
      chat: body({
        usage: {
          prompt_tokens: 100,
          completion_tokens: 20,
          total_tokens: 120,
          prompt_tokens_details: { cached_tokens: 60 },
          completion_tokens_details: { reasoning_tokens: 8 },
        },
      }),
      responses: body({
        usage: {
          input_tokens: 100,
          input_tokens_details: { cached_tokens: 60 },
          output_tokens: 20,
          output_tokens_details: { reasoning_tokens: 8 },
          total_tokens: 120,
        },
      }),
      messages: body({
        usage: {
          input_tokens: 40,
          cache_read_input_tokens: 60,
          output_tokens: 20,
          output_tokens_details: { thinking_tokens: 8 },
        },
      }),
    },
  },
  unknownFields: {
    answered: {
      chat: chat({ content: 'x' }, 'stop', { new_thing: { a: 1 } }),
      responses: responses([said('x')], { new_thing: { a: 1 } }),
      messages: messages([text('x')], 'end_turn', { new_thing: { a: 1 } }),
    },
    received: { chat: ownOnly('chat'), responses: ownOnly('responses'), messages: ownOnly('messages') },
  },
} as const satisfies Record<string, AnswerFeature>;

function ownOnly(format: FormatName): Square {
  return (out) => (out === format ? body({ new_thing: { a: 1 } }) : { body: {}, without: ['new_thing'] });
}
