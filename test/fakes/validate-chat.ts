// What a vendor of the Chat Completions API refuses: the schema, the order of roles and tool calls, and what a model does not take.
import type { ProviderKind } from './answer.ts';
import { isObject, toObjects } from './json.ts';
import { toOpenaiRefusal } from './refusal.ts';
import { checkEffort, checkSampling, checkTokenLimit, isReasoningModel } from './validate-model.ts';
import {
  checkArguments,
  checkFileData,
  checkImageUrl,
  checkOpenaiSchema,
  checkStrictSchema,
  checkToolChoice,
  checkToolName,
  checkTools,
} from './validate-openai.ts';

type Json = Record<string, unknown>;

const stopsMax = 4;

/** Throws the vendor's refusal of a chat request, if it has one. */
export function validateChat(body: Json, kind: ProviderKind): void {
  const isOpenai = kind === 'openai';
  checkOpenaiSchema('chat-completions', body, !isOpenai);
  const model = String(body['model']);
  const messages = toObjects(body['messages']);
  if (messages.length === 0) {
    throw toOpenaiRefusal(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      { param: 'messages', code: 'empty_array' },
    );
  }
  checkToolOrder(messages);
  messages.forEach((message, index) => checkMessage(message, `messages[${String(index)}]`, isOpenai));
  checkTools(body, isOpenai, (tool) =>
    tool['type'] === 'function' && isObject(tool['function'])
      ? { definition: tool['function'], path: '.function' }
      : undefined,
  );
  checkChosenTool(body);
  checkParameters(body, messages, isOpenai);
  if (isOpenai) {
    checkModelRules(body, model, messages);
    checkEffort(model, body['reasoning_effort'], 'reasoning_effort');
    checkSampling(model, body, body['reasoning_effort']);
  }
}

/** Each assistant turn's calls are answered by the tool messages right after it, and nothing else is. */
function checkToolOrder(messages: readonly Json[]): void {
  let open = new Set<unknown>();
  let hasCalls = false;
  messages.forEach((message, index) => {
    if (message['role'] === 'tool') {
      const id = message['tool_call_id'];
      if (!hasCalls) {
        throw toOpenaiRefusal(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          { param: `messages.[${String(index)}].role` },
        );
      }
      if (!open.delete(id)) {
        throw toOpenaiRefusal(
          `Invalid parameter: 'tool_call_id' of '${String(id)}' not found in 'tool_calls' of previous message.`,
          {
            param: `messages.[${String(index)}].tool_call_id`,
          },
        );
      }
      return;
    }
    refuseUnanswered(open, index);
    const calls = toObjects(message['tool_calls']);
    open = new Set(calls.map((call) => call['id']));
    hasCalls = calls.length > 0;
    if (open.size < calls.length) {
      throw toOpenaiRefusal(`Invalid parameter: duplicate 'id' in 'tool_calls' of messages[${String(index)}].`, {
        param: `messages.[${String(index)}].tool_calls`,
      });
    }
  });
  refuseUnanswered(open, messages.length);
}

function refuseUnanswered(open: ReadonlySet<unknown>, index: number): void {
  if (open.size === 0) return;
  throw toOpenaiRefusal(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(', ')}`,
    { param: `messages.[${String(index)}].role` },
  );
}

function checkMessage(message: Json, param: string, isOpenai: boolean): void {
  const calls = toObjects(message['tool_calls']);
  if (message['role'] === 'assistant' && calls.length === 0 && !hasContent(message)) {
    throw toOpenaiRefusal(`Invalid value for 'content': expected a string, got null.`, { param: `${param}.content` });
  }
  calls.forEach((call, index) => {
    if (!isObject(call['function'])) return;
    const path = `${param}.tool_calls[${String(index)}].function`;
    checkToolName(call['function']['name'], `${path}.name`);
    checkArguments(call['function']['arguments'], `${path}.arguments`);
  });
  toObjects(message['content']).forEach((part, index) => {
    const path = `${param}.content[${String(index)}]`;
    if (isObject(part['image_url'])) checkImageUrl(part['image_url']['url'], `${path}.image_url.url`);
    if (isOpenai && isObject(part['file'])) checkFileData(part['file']['file_data'], `${path}.file.file_data`);
  });
}

/** An assistant turn without calls says something, refuses, or names the audio it spoke. */
function hasContent(message: Json): boolean {
  return ['content', 'refusal', 'audio', 'function_call', 'reasoning_content', 'reasoning', 'reasoning_details'].some(
    (name) => message[name] !== undefined && message[name] !== null,
  );
}

function checkChosenTool(body: Json): void {
  const names = new Set(
    toObjects(body['tools']).map((tool) => {
      const definition = tool['function'] ?? tool['custom'];
      return isObject(definition) ? String(definition['name']) : '';
    }),
  );
  const choice = body['tool_choice'];
  const definition = isObject(choice) ? (choice['function'] ?? choice['custom']) : undefined;
  checkToolChoice(body, names, isObject(definition) ? definition['name'] : undefined);
}

function checkParameters(body: Json, messages: readonly Json[], isOpenai: boolean): void {
  if (isObject(body['stream_options']) && body['stream'] !== true) {
    throw toOpenaiRefusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", {
      param: 'stream_options',
    });
  }
  if (Array.isArray(body['stop']) && body['stop'].length > stopsMax) {
    throw toOpenaiRefusal(
      `Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length ${String(body['stop'].length)} instead.`,
      { param: 'stop', code: 'array_above_max_length' },
    );
  }
  checkTokenLimit(body, 'max_tokens', 1);
  checkTokenLimit(body, 'max_completion_tokens', 1);
  checkTokenLimit(body, 'n', 1);
  if ('max_tokens' in body && body['max_tokens'] !== null && typeof body['max_completion_tokens'] === 'number') {
    throw toOpenaiRefusal("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", {
      code: 'invalid_parameter_combination',
    });
  }
  const format = body['response_format'];
  if (!isObject(format)) return;
  if (format['type'] === 'json_object' && !/json/iu.test(JSON.stringify(messages.map(({ content }) => content)))) {
    throw toOpenaiRefusal(
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      { param: 'messages' },
    );
  }
  const definition = format['json_schema'];
  if (!isObject(definition)) return;
  checkToolName(definition['name'], 'response_format.json_schema.name');
  if (isOpenai && definition['strict'] === true) {
    checkStrictSchema(definition['schema'], `response_format '${String(definition['name'])}'`, 'response_format');
  }
}

/** What OpenAI refuses of some models. */
function checkModelRules(body: Json, model: string, messages: readonly Json[]): void {
  if (isReasoningModel(model) && typeof body['max_tokens'] === 'number') {
    throw toOpenaiRefusal(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      { param: 'max_tokens', code: 'unsupported_parameter' },
    );
  }
  if (isObject(body['web_search_options']) && !model.includes('search')) {
    throw toOpenaiRefusal('Web search options not supported with this model.', { param: 'web_search_options' });
  }
  messages.forEach((message, index) => {
    const param = `messages[${String(index)}]`;
    const role = String(message['role']);
    if (/^o1-(?:mini|preview)/u.test(model) && (role === 'developer' || role === 'system')) {
      throw toOpenaiRefusal(`Unsupported value: '${param}.role' does not support '${role}' with this model.`, {
        param: `${param}.role`,
        code: 'unsupported_value',
      });
    }
    if (!model.includes('audio') && toObjects(message['content']).some(({ type }) => type === 'input_audio')) {
      throw toOpenaiRefusal(`Invalid '${param}'. Content blocks are expected to be either text or image_url type.`, {
        param,
        code: 'invalid_value',
      });
    }
  });
}
