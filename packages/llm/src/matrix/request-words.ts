// The words in which features are asked for: how each format spells turns, tools, calls and media.
import type { FormatName } from '../format.ts';
import type { JsonObject } from '../hub/extra.ts';
import type { Absent, Expected, PerFormat, Square } from './square.ts';

/** One feature of requests. */
export interface RequestFeature {
  readonly asked: PerFormat<JsonObject | Absent>;
  readonly sent: PerFormat<Square>;
}

/** A Chat request. */
export const chat = (messages: unknown[], more: JsonObject = {}): JsonObject => ({ model: 'm', messages, ...more });
/** A Responses request. */
export const responses = (input: unknown[], more: JsonObject = {}): JsonObject => ({ model: 'm', input, ...more });
/** A Messages request. */
export const messages = (messages: unknown[], more: JsonObject = {}): JsonObject => ({
  model: 'm',
  max_tokens: 100,
  messages,
  ...more,
});

/** A square that only says what must be there. */
export const body = (body: JsonObject): Expected => ({ body });
/** Text blocks of Messages. */
export const blocks = (...texts: string[]): JsonObject[] => texts.map((text) => ({ type: 'text', text }));
/** A user message of Chat. */
export const chatUser = (content: unknown): JsonObject => ({ role: 'user', content });
/** Texts of Responses. */
export const inputText = (...texts: string[]): JsonObject[] => texts.map((text) => ({ type: 'input_text', text }));
/** A user item of Responses. */
export const inputUser = (content: unknown): JsonObject => ({ role: 'user', content });
/** A user turn of Messages. */
export const blockUser = (...texts: string[]): JsonObject => ({ role: 'user', content: blocks(...texts) });

const hi = {
  chat: chat([chatUser('hi')]),
  responses: responses([inputUser(inputText('hi'))]),
  messages: messages([blockUser('hi')]),
};

/** The same members more, in each format. */
export function ask(more: PerFormat<JsonObject | Absent>): PerFormat<JsonObject | Absent> {
  const joined = (format: FormatName): JsonObject | Absent =>
    'absent' in more[format] ? more[format] : { ...hi[format], ...more[format] };
  return { chat: joined('chat'), responses: joined('responses'), messages: joined('messages') };
}

/** A schema that strict modes take. */
export const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const described = { name: 'weather', description: 'Tells the weather.' };
const chatTool = { type: 'function', function: { ...described, parameters: schema, strict: true } };
const flatTool = { type: 'function', ...described, parameters: schema, strict: true };
const blockTool = { ...described, input_schema: schema, strict: true };
/** One function, in each format. */
export const tools = {
  chat: { tools: [chatTool] },
  responses: { tools: [flatTool] },
  messages: { tools: [blockTool] },
};

/** The function and more. */
export const withTools = (more: PerFormat<JsonObject>): PerFormat<JsonObject> => ({
  chat: { ...tools.chat, ...more.chat },
  responses: { ...tools.responses, ...more.responses },
  messages: { ...tools.messages, ...more.messages },
});
/** What is asked is what is sent. */
export const same = (more: PerFormat<JsonObject>): PerFormat<Square> => ({
  chat: body(more.chat),
  responses: body(more.responses),
  messages: body(more.messages),
});

/** A call of Chat. */
export const call = (id: string, city: string): JsonObject => ({
  id,
  type: 'function',
  function: { name: 'weather', arguments: `{"city":"${city}"}` },
});
/** A call of Responses. */
export const flatCall = (call_id: string, city: string): JsonObject => ({
  type: 'function_call',
  call_id,
  name: 'weather',
  arguments: `{"city":"${city}"}`,
});
/** A call of Messages. */
export const use = (id: string, city: string): JsonObject => ({
  type: 'tool_use',
  id,
  name: 'weather',
  input: { city },
});
