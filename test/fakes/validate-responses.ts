// What OpenAI's Responses API refuses: the schema, items without their counterparts, reasoning it did not make, and what a model does not take.
import type { ProviderKind } from './answer.ts';
import { isObject, readString, toObjects } from './json.ts';
import type { ProviderMemory, StoredResponse } from './memory.ts';
import { toOpenaiRefusal } from './refusal.ts';
import { checkEffort, checkSampling, checkTokenLimit } from './validate-model.ts';
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

const outputTokensMin = 16;

/** Calls and the items that answer them. */
const outputTypes: Readonly<Record<string, string>> = {
  function_call: 'function_call_output',
  custom_tool_call: 'custom_tool_call_output',
};

const callNames: Readonly<Record<string, string>> = {
  function_call: 'function call',
  custom_tool_call: 'custom tool call',
};

/** What ids of items begin with, by their type. */
const idPrefixes: Readonly<Record<string, string>> = {
  reasoning: 'rs',
  function_call: 'fc',
  custom_tool_call: 'ctc',
  message: 'msg',
};

/** Throws the vendor's refusal of a responses request, if it has one. */
export function validateResponses(body: Json, kind: ProviderKind, memory: ProviderMemory): void {
  const isOpenai = kind === 'openai';
  checkOpenaiSchema('responses', body, !isOpenai);
  if (body['model'] === undefined && body['prompt'] === undefined) {
    throw toOpenaiRefusal("Missing required parameter: 'model'.", {
      param: 'model',
      code: 'missing_required_parameter',
    });
  }
  checkParameters(body, isOpenai);
  const previous = findPrevious(body, isOpenai, memory);
  const items = toObjects(body['input']);
  items.forEach((item, index) => checkItem(item, `input[${String(index)}]`, isOpenai));
  checkCalls(items, previous, isObject(body['conversation']) || typeof body['conversation'] === 'string');
  if (isOpenai) {
    checkReasoning(items, memory);
    const effort = isObject(body['reasoning']) ? body['reasoning']['effort'] : undefined;
    checkEffort(String(body['model']), effort, 'reasoning.effort');
    checkSampling(String(body['model']), body, effort);
  }
}

function checkParameters(body: Json, isOpenai: boolean): void {
  checkTokenLimit(body, 'max_output_tokens', outputTokensMin);
  checkTools(body, isOpenai, (tool) => (tool['type'] === 'function' ? { definition: tool, path: '' } : undefined));
  const names = new Set(toObjects(body['tools']).map(({ name }) => String(name)));
  const choice = body['tool_choice'];
  checkToolChoice(
    body,
    names,
    isObject(choice) && (choice['type'] === 'function' || choice['type'] === 'custom') ? choice['name'] : undefined,
  );
  if (isObject(body['stream_options']) && body['stream'] !== true) {
    throw toOpenaiRefusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", {
      param: 'stream_options',
    });
  }
  const format = isObject(body['text']) ? body['text']['format'] : undefined;
  if (!isObject(format)) return;
  if (format['type'] === 'json_object' && !/json/iu.test(JSON.stringify([body['input'], body['instructions']]))) {
    throw toOpenaiRefusal(
      "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
      { param: 'input' },
    );
  }
  if (format['type'] !== 'json_schema') return;
  checkToolName(format['name'], 'text.format.name');
  if (isOpenai && format['strict'] === true) {
    checkStrictSchema(format['schema'], `response_format '${String(format['name'])}'`, 'text.format.schema');
  }
}

/** The responses that this one continues, oldest last. */
function findPrevious(body: Json, isOpenai: boolean, memory: ProviderMemory): StoredResponse[] {
  const id = body['previous_response_id'];
  if (typeof id !== 'string') return [];
  if (body['conversation'] !== undefined && body['conversation'] !== null) {
    throw toOpenaiRefusal(
      "Mutually exclusive parameters: Ensure you are only providing one of: 'previous_response_id' or 'conversation'.",
      { code: 'mutually_exclusive_parameters' },
    );
  }
  const chain: StoredResponse[] = [];
  let next: string | undefined = id;
  while (next !== undefined) {
    const response = memory.findResponse(next);
    if (response === undefined) {
      if (!isOpenai || chain.length > 0) break;
      throw toOpenaiRefusal(`Previous response with id '${next}' not found.`, {
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      });
    }
    chain.push(response);
    next = response.previous;
  }
  return chain;
}

function checkItem(item: Json, param: string, isOpenai: boolean): void {
  const type = readString(item, 'type', 'message');
  const prefix = idPrefixes[type];
  const { id } = item;
  if (isOpenai && typeof id === 'string' && prefix !== undefined && !id.startsWith(prefix)) {
    throw toOpenaiRefusal(`Invalid '${param}.id': '${id}'. Expected an ID that begins with '${prefix}'.`, {
      param: `${param}.id`,
      code: 'invalid_value',
    });
  }
  if (type === 'function_call') {
    checkToolName(item['name'], `${param}.name`);
    checkArguments(item['arguments'], `${param}.arguments`);
  }
  for (const field of ['content', 'output']) {
    toObjects(item[field]).forEach((part, index) => {
      const path = `${param}.${field}[${String(index)}]`;
      checkImageUrl(part['image_url'], `${path}.image_url`);
      checkFileData(part['file_data'], `${path}.file_data`);
      const { file_url: url } = part;
      if (typeof url === 'string' && /\.(?:mp3|wav|ogg|mp4|mov|webm)(?:\?|$)/u.test(url)) {
        throw toOpenaiRefusal('The file type you uploaded is not supported. Please try again with a pdf', {
          param: 'input',
          code: 'unsupported_file',
        });
      }
    });
  }
}

/** Each output answers a call that came before it, and each call has its output. `isOpenEnded`: a conversation holds more than is seen here. */
function checkCalls(items: readonly Json[], previous: readonly StoredResponse[], isOpenEnded: boolean): void {
  for (const [callType, outputType] of Object.entries(outputTypes)) {
    const [latest, ...older] = previous;
    const callIds = (of: readonly Json[]): string[] =>
      of.filter(({ type }) => type === callType).map((item) => String(item['call_id']));
    const open = new Set(callIds(latest?.output ?? []));
    const seen = new Set([...open, ...older.flatMap(({ output }) => callIds(output))]);
    const hasReferences = items.some(({ type }) => type === 'item_reference');
    for (const item of items) {
      const id = String(item['call_id']);
      if (item['type'] === callType) {
        seen.add(id);
        open.add(id);
      } else if (item['type'] === outputType) {
        open.delete(id);
        if (seen.has(id) || isOpenEnded || hasReferences) continue;
        throw toOpenaiRefusal(`No tool call found for ${String(callNames[callType])} output with call_id ${id}.`, {
          param: 'input',
        });
      } else if (!String(item['type']).endsWith('_output')) {
        // A client's own tool search, recorded, is answered by a function's output.
        seen.add(id);
      }
    }
    const [unanswered] = open;
    if (unanswered === undefined) continue;
    throw toOpenaiRefusal(`No tool output found for ${String(callNames[callType])} ${unanswered}.`, { param: 'input' });
  }
}

/** Reasoning is the vendor's own, and stands right before the item it led to. */
function checkReasoning(items: readonly Json[], memory: ProviderMemory): void {
  items.forEach((item, index) => {
    const { id } = item;
    if (item['type'] === 'item_reference' && !memory.hasItem(String(id))) throw toUnknownItem(String(id));
    if (item['type'] !== 'reasoning') {
      checkOwnReasoning(item, items, memory);
      return;
    }
    const content = item['encrypted_content'];
    const owner = typeof id === 'string' && id !== '' ? id : undefined;
    if (typeof content === 'string') {
      if (!memory.isReasoningGenuine(owner, content)) {
        throw toOpenaiRefusal(
          `The encrypted content ${content.slice(0, 4)}...${content.slice(-4)} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`,
          { code: 'invalid_encrypted_content' },
        );
      }
    } else if (owner !== undefined && !memory.hasItem(owner)) throw toUnknownItem(owner);
    const next = items[index + 1];
    const isFollowed = next !== undefined && (typeof next['id'] === 'string' || next['type'] === 'item_reference');
    if (owner !== undefined && !isFollowed) {
      throw toOpenaiRefusal(`Item '${owner}' of type 'reasoning' was provided without its required following item.`, {
        param: 'input',
      });
    }
  });
}

/** A call or message that came out of a reasoning item is given back together with it. */
function checkOwnReasoning(item: Json, items: readonly Json[], memory: ProviderMemory): void {
  const { id } = item;
  if (typeof id !== 'string') return;
  const reasoning = memory.findReasoningOf(id);
  if (reasoning === undefined || items.some((other) => other['id'] === reasoning)) return;
  throw toOpenaiRefusal(
    `Item '${id}' of type '${readString(item, 'type', 'message')}' was provided without its required 'reasoning' item: '${reasoning}'.`,
    { param: 'input' },
  );
}

function toUnknownItem(id: string): Error {
  return toOpenaiRefusal(
    `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
    { status: 404, param: 'input' },
  );
}
