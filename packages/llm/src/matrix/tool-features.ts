// Features of tools: declared, chosen, called, answered.
import { rawArgumentsMember } from '../format/messages/decode-block.ts';
import type { JsonObject } from '../hub/extra.ts';
import { anthropicNameCharsMax, toWireName } from '../hub/tool-names.ts';
import {
  type RequestFeature,
  ask,
  blockUser,
  blocks,
  body,
  call,
  chat,
  chatUser,
  flatCall,
  inputText,
  inputUser,
  messages,
  responses,
  same,
  schema,
  tools,
  use,
  withTools,
} from './request-words.ts';
import type { PerFormat } from './square.ts';

function choice(more: PerFormat<JsonObject>): RequestFeature {
  return { asked: ask(withTools(more)), sent: same(withTools(more)) };
}

const history = {
  chat: chat(
    [
      chatUser('weather?'),
      { role: 'assistant', content: null, tool_calls: [call('c1', 'Rome'), call('c2', 'Oslo')] },
      { role: 'tool', tool_call_id: 'c1', content: 'sun' },
      { role: 'tool', tool_call_id: 'c2', content: 'snow' },
    ],
    tools.chat,
  ),
  responses: responses(
    [
      inputUser(inputText('weather?')),
      flatCall('c1', 'Rome'),
      flatCall('c2', 'Oslo'),
      { type: 'function_call_output', call_id: 'c1', output: 'sun' },
      { type: 'function_call_output', call_id: 'c2', output: 'snow' },
    ],
    tools.responses,
  ),
  messages: messages(
    [
      blockUser('weather?'),
      { role: 'assistant', content: [use('c1', 'Rome'), use('c2', 'Oslo')] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c1', content: 'sun' },
          { type: 'tool_result', tool_use_id: 'c2', content: 'snow' },
        ],
      },
    ],
    tools.messages,
  ),
};

const imageUri = 'data:image/png;base64,iVBORw0KGgo=';
const imageBlock = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } };

/** A conversation with one call, written as given, and its result. */
function oneCall(chatCall: JsonObject, item: JsonObject, block: JsonObject): PerFormat<JsonObject> {
  return {
    chat: chat([
      chatUser('go'),
      { role: 'assistant', content: null, tool_calls: [chatCall] },
      { role: 'tool', tool_call_id: 'c1', content: 'sun' },
    ]),
    responses: responses([
      inputUser(inputText('go')),
      item,
      { type: 'function_call_output', call_id: 'c1', output: 'sun' },
    ]),
    messages: messages([
      blockUser('go'),
      { role: 'assistant', content: [block] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'sun' }] },
    ]),
  };
}

const broken = '{"city":';
const brokenCall = oneCall(
  { ...call('c1', ''), function: { name: 'weather', arguments: broken } },
  { ...flatCall('c1', ''), arguments: broken },
  {},
);
const undeclared = oneCall(call('c1', 'Rome'), flatCall('c1', 'Rome'), use('c1', 'Rome'));
const dotted = 'mail.send now';
const dottedWire = toWireName(dotted, anthropicNameCharsMax);

/** Features of tools. */
export const toolFeatures = {
  toolsDeclared: { asked: ask(tools), sent: same(tools) },
  toolChoiceAny: choice({
    chat: { tool_choice: 'required' },
    responses: { tool_choice: 'required' },
    messages: { tool_choice: { type: 'any' } },
  }),
  toolChoiceOne: choice({
    chat: { tool_choice: { type: 'function', function: { name: 'weather' } } },
    responses: { tool_choice: { type: 'function', name: 'weather' } },
    messages: { tool_choice: { type: 'tool', name: 'weather' } },
  }),
  toolChoiceNone: choice({
    chat: { tool_choice: 'none' },
    responses: { tool_choice: 'none' },
    messages: { tool_choice: { type: 'none' } },
  }),
  serialCalls: choice({
    chat: { tool_choice: 'auto', parallel_tool_calls: false },
    responses: { tool_choice: 'auto', parallel_tool_calls: false },
    messages: { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  }),
  parallelCallsHistory: {
    asked: history,
    sent: {
      chat: body({ messages: history.chat['messages'] }),
      responses: body({ input: history.responses['input'] }),
      messages: body({ messages: history.messages['messages'] }),
    },
  },
  emptyArguments: {
    asked: {
      chat: chat(
        [
          chatUser('go'),
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '' } }],
          },
          { role: 'tool', tool_call_id: 'c1', content: 'sun' },
        ],
        tools.chat,
      ),
      responses: responses(
        [
          inputUser(inputText('go')),
          { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '' },
          { type: 'function_call_output', call_id: 'c1', output: 'sun' },
        ],
        tools.responses,
      ),
      messages: messages(
        [
          blockUser('go'),
          { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'weather', input: {} }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'sun' }] },
        ],
        tools.messages,
      ),
    },
    sent: {
      chat: (from) =>
        body({
          messages: [
            { role: 'user' },
            { tool_calls: [{ function: { name: 'weather', arguments: from === 'chat' ? '' : '{}' } }] },
            { role: 'tool', content: 'sun' },
          ],
        }),
      responses: (from) =>
        body({
          input: [
            { role: 'user' },
            { type: 'function_call', arguments: from === 'responses' ? '' : '{}' },
            { type: 'function_call_output', output: 'sun' },
          ],
        }),
      messages: body({
        messages: [
          { role: 'user' },
          { content: [{ type: 'tool_use', input: {} }] },
          { content: [{ type: 'tool_result', content: 'sun' }] },
        ],
      }),
    },
  },
  toolResultWithImage: {
    asked: {
      chat: { absent: 'tool messages take text only' },
      responses: responses(
        [
          inputUser(inputText('look')),
          flatCall('c1', 'Rome'),
          {
            type: 'function_call_output',
            call_id: 'c1',
            output: [...inputText('here'), { type: 'input_image', image_url: imageUri, detail: 'auto' }],
          },
        ],
        tools.responses,
      ),
      messages: messages(
        [
          blockUser('look'),
          { role: 'assistant', content: [use('c1', 'Rome')] },
          {
            role: 'user',
            content: [{ type: 'tool_result', tool_use_id: 'c1', content: [...blocks('here'), imageBlock] }],
          },
        ],
        tools.messages,
      ),
    },
    sent: {
      chat: {
        body: {
          messages: [
            { role: 'user' },
            { role: 'assistant' },
            { role: 'tool', tool_call_id: 'c1' },
            { role: 'user', content: [{ type: 'text' }, { type: 'image_url', image_url: { url: imageUri } }] },
          ],
        },
        notes: [/user message/],
      },
      responses: body({
        input: [
          { role: 'user' },
          { type: 'function_call' },
          {
            type: 'function_call_output',
            output: [...inputText('here'), { type: 'input_image', image_url: imageUri }],
          },
        ],
      }),
      messages: body({
        messages: [
          { role: 'user' },
          { role: 'assistant' },
          { role: 'user', content: [{ type: 'tool_result', content: [...blocks('here'), imageBlock] }] },
        ],
      }),
    },
  },
  hostedTools: {
    asked: ask({
      chat: { web_search_options: {} },
      responses: { tools: [{ type: 'web_search' }] },
      messages: { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
    }),
    sent: {
      chat: (from) => (from === 'chat' ? body({ web_search_options: {} }) : { refused: '' }),
      responses: (from) => (from === 'responses' ? body({ tools: [{ type: 'web_search' }] }) : { refused: '' }),
      messages: (from) => (from === 'messages' ? body({ tools: [{ type: 'web_search_20250305' }] }) : { refused: '' }),
    },
  },
  allowedTools: {
    asked: ask({
      chat: {
        tools: [...tools.chat.tools, { type: 'function', function: { name: 'other' } }],
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'weather' } }] },
        },
      },
      responses: {
        tools: [...tools.responses.tools, { type: 'function', name: 'other', parameters: schema, strict: true }],
        tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'weather' }] },
      },
      messages: { absent: 'Anthropic has no subset' },
    }),
    sent: {
      chat: body({
        tools: [{}, {}],
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [{ function: { name: 'weather' } }] },
        },
      }),
      responses: body({
        tools: [{}, {}],
        tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ name: 'weather' }] },
      }),
      messages: { body: { tools: [{ name: 'weather' }], tool_choice: { type: 'any' } }, notes: [/subset/] },
    },
  },
  customTools: {
    asked: ask({
      chat: { tools: [{ type: 'custom', custom: { name: 'shell' } }] },
      responses: { tools: [{ type: 'custom', name: 'shell' }] },
      messages: { absent: 'Anthropic has no tools of free text' },
    }),
    sent: {
      chat: body({ tools: [{ type: 'custom', custom: { name: 'shell' } }] }),
      responses: body({ tools: [{ type: 'custom', name: 'shell' }] }),
      messages: { refused: 'custom' },
    },
  },
  brokenArguments: {
    asked: { ...brokenCall, messages: { absent: 'an input is an object' } },
    sent: {
      chat: body({ messages: [{}, { tool_calls: [{ function: { arguments: broken } }] }, { role: 'tool' }] }),
      responses: body({ input: [{}, { arguments: broken }, {}] }),
      messages: {
        body: { messages: [{}, { content: [{ input: { [rawArgumentsMember]: broken } }] }, {}] },
        notes: [/no JSON/],
      },
    },
  },
  toolResultError: {
    asked: {
      chat: { absent: 'tool messages cannot say it' },
      responses: { absent: 'outputs cannot say it' },
      messages: messages(
        [
          blockUser('go'),
          { role: 'assistant', content: [use('c1', 'Rome')] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'no net', is_error: true }] },
        ],
        tools.messages,
      ),
    },
    sent: {
      chat: { body: { messages: [{}, {}, { role: 'tool', content: 'no net' }] }, notes: [/is_error/] },
      responses: { body: { input: [{}, {}, { output: 'no net' }] }, notes: [/is_error/] },
      messages: body({ messages: [{}, {}, { content: [{ is_error: true }] }] }),
    },
  },
  undeclaredTools: {
    asked: undeclared,
    sent: {
      chat: { body: { messages: [{}, {}, {}] }, without: ['tool_choice'] },
      responses: { body: { input: [{}, {}, {}] }, without: ['tool_choice'] },
      messages: (from) =>
        from === 'messages'
          ? { body: { messages: undeclared.messages['messages'] }, without: ['tools', 'tool_choice'] }
          : { body: { tools: [{ name: 'weather' }], tool_choice: { type: 'none' } }, notes: [/declared again/] },
    },
  },
  oddNames: {
    asked: ask({
      chat: { tools: [{ type: 'function', function: { name: dotted, parameters: schema } }] },
      responses: { tools: [{ type: 'function', name: dotted, parameters: schema, strict: false }] },
      messages: { tools: [{ name: dotted, input_schema: schema }] },
    }),
    sent: {
      chat: (from) => body({ tools: [{ function: { name: from === 'chat' ? dotted : dottedWire } }] }),
      responses: (from) => body({ tools: [{ name: from === 'responses' ? dotted : dottedWire }] }),
      messages: (from) => body({ tools: [{ name: from === 'messages' ? dotted : dottedWire }] }),
    },
  },
} as const satisfies Record<string, RequestFeature>;
