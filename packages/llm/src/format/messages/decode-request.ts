// Anthropic Messages requests, and count_tokens requests, to the hub.
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { restOf } from '../../hub/notes.ts';
import type { HubRequest, OutputFormat, Reasoning, Tool, ToolChoice, Turn } from '../../hub/request.ts';
import { asObject } from '../../usage.ts';
import { decodeContent } from './decode-block.ts';
import { demandArray, demandObject, demandString, own, pathOf, takeCache } from './own.ts';

/** Shape of a request that did not say whether it wants a stream. */
export const unsaidStream = 'unsaid-stream';

/** Where system words stood: in the member `system`, or as a turn of the list. */
export const systemShapes = { text: 'system-text', blocks: 'system-blocks', turn: 'turn' } as const;

/** Members of the request that become members of the hub when their form is the known one. */
const plainMembers = [
  ['max_tokens', 'maxOutputTokens', 'number'],
  ['temperature', 'temperature', 'number'],
  ['top_p', 'topP', 'number'],
  ['top_k', 'topK', 'number'],
  ['service_tier', 'serviceTier', 'string'],
] as const;

/** Decodes a body. Throws CodecError `invalid`. */
export function decodeMessagesRequest(body: JsonObject): HubRequest {
  const taken = new Set(['model', 'messages']);
  const fields: JsonObject = {};
  const take = <T>(name: string, value: T | undefined): value is T => {
    if (value === undefined) return false;
    taken.add(name);
    return true;
  };
  const request: HubRequest = {
    model: demandString(body, 'model', ''),
    turns: [
      ...decodeSystem(body['system'], () => taken.add('system')),
      ...demandArray(body['messages'], 'messages').map((turn, index) => decodeTurn(turn, `messages[${index}]`)),
    ],
    stream: body['stream'] === true,
  };
  for (const [name, member, type] of plainMembers) {
    const value = body[name];
    if (typeof value === type && take(name, value)) Object.assign(request, { [member]: value });
  }
  const { stream, stop_sequences: stop, metadata } = body;
  if (typeof stream === 'boolean') taken.add('stream');
  if (Array.isArray(stop) && stop.every((word) => typeof word === 'string') && take('stop_sequences', stop))
    request.stop = stop;
  const user = asObject(metadata)?.['user_id'];
  if (typeof user === 'string') {
    taken.add('metadata');
    request.user = user;
    Object.assign(fields, leftover('metadata', restOf(metadata as JsonObject, ['user_id'])));
  }
  const tools = body['tools'];
  if (Array.isArray(tools) && take('tools', tools))
    request.tools = tools.map((tool, index) => decodeTool(tool, `tools[${index}]`));
  decodeToolChoice(asObject(body['tool_choice']), request, () => taken.add('tool_choice'));
  Object.assign(
    fields,
    decodeOutput(body, request, (name) => taken.add(name)),
  );
  request.extra = own(
    { ...restOf(body, [...taken]), ...fields },
    typeof stream === 'boolean' ? undefined : unsaidStream,
  );
  return request;
}

function leftover(name: string, rest: JsonObject): JsonObject {
  return Object.keys(rest).length > 0 ? { [name]: rest } : {};
}

function decodeSystem(system: unknown, take: () => void): Turn[] {
  if (typeof system !== 'string' && !Array.isArray(system)) return [];
  take();
  const shape = typeof system === 'string' ? systemShapes.text : systemShapes.blocks;
  return [{ role: 'system', parts: decodeContent(system, 'system'), extra: own({}, shape), path: 'system' }];
}

const roles = ['user', 'assistant', 'system'] as const;

function decodeTurn(value: unknown, path: string): Turn {
  const turn = demandObject(value, path);
  const role = roles.find((role) => role === turn['role']);
  if (!role) throw new CodecError('invalid', pathOf(path, 'role'), 'must be "user", "assistant" or "system"');
  const { content } = turn;
  const shape = typeof content === 'string' ? 'turn text' : 'turn';
  return {
    role,
    parts: decodeContent(content, pathOf(path, 'content')),
    extra: own(restOf(turn, ['role', 'content']), shape),
    path,
  };
}

function decodeTool(value: unknown, path: string): Tool {
  const tool = demandObject(value, path);
  const { type, description, strict, input_schema: schema } = tool;
  if (typeof type === 'string' && type !== 'custom')
    return { kind: 'hosted', format: 'messages', name: type, value: tool, path };
  const parameters = asObject(schema);
  const { cache, rest } = takeCache(tool, [
    'name',
    ...(typeof description === 'string' ? ['description'] : []),
    ...(parameters ? ['input_schema'] : []),
    ...(typeof strict === 'boolean' ? ['strict'] : []),
  ]);
  return {
    kind: 'function',
    name: demandString(tool, 'name', path),
    ...(typeof description === 'string' && { description }),
    ...(parameters && { parameters }),
    ...(typeof strict === 'boolean' && { strict }),
    ...(cache && { cache }),
    extra: own(rest),
    path,
  };
}

function decodeToolChoice(choice: Readonly<JsonObject> | undefined, request: HubRequest, take: () => void): void {
  const decoded = choice && toToolChoice(choice);
  if (!decoded) return;
  take();
  request.toolChoice = decoded;
  const isSerial = choice['disable_parallel_tool_use'];
  if (typeof isSerial === 'boolean') request.parallelToolCalls = !isSerial;
}

function toToolChoice(choice: Readonly<JsonObject>): ToolChoice | undefined {
  const { type, name, disable_parallel_tool_use: isSerial } = choice;
  const known = ['type', 'name', ...(typeof isSerial === 'boolean' ? ['disable_parallel_tool_use'] : [])];
  const extra = own(restOf(choice, known));
  if (type === 'tool' && typeof name === 'string') return { mode: 'tool', name, kind: 'function', extra };
  return type === 'auto' || type === 'any' || type === 'none' ? { mode: type, extra } : undefined;
}

/** `thinking`, `output_config` and the older `output_format`; gives what of them the hub has no word for. */
function decodeOutput(body: Readonly<JsonObject>, request: HubRequest, take: (name: string) => void): JsonObject {
  const reasoning: Reasoning = {};
  const thinking = asObject(body['thinking']);
  const mode = (['enabled', 'adaptive', 'disabled'] as const).find((mode) => mode === thinking?.['type']);
  if (thinking && mode) {
    take('thinking');
    const { budget_tokens: budget, display } = thinking;
    reasoning.mode = mode;
    if (typeof budget === 'number') reasoning.budgetTokens = budget;
    if (typeof display === 'string') reasoning.summary = display;
    reasoning.extra = own(
      restOf(thinking, [
        'type',
        ...(typeof budget === 'number' ? ['budget_tokens'] : []),
        ...(typeof display === 'string' ? ['display'] : []),
      ]),
    );
  }
  const fields: JsonObject = {};
  const config = asObject(body['output_config']);
  if (config) {
    take('output_config');
    const { effort, format } = config;
    const output = toOutput(format, undefined);
    if (typeof effort === 'string') reasoning.effort = effort;
    if (output) request.output = output;
    const known = [...(typeof effort === 'string' ? ['effort'] : []), ...(output ? ['format'] : [])];
    const rest = restOf(config, known);
    if (known.length === 0 || Object.keys(rest).length > 0) fields['output_config'] = rest;
  }
  const older = toOutput(body['output_format'], 'output_format');
  if (older && !request.output) {
    take('output_format');
    request.output = older;
  }
  if (Object.keys(reasoning).length > 0) request.reasoning = { ...reasoning, extra: reasoning.extra ?? own({}) };
  return fields;
}

function toOutput(value: unknown, shape: string | undefined): OutputFormat | undefined {
  const format = asObject(value);
  const schema = asObject(format?.['schema']);
  if (format?.['type'] !== 'json_schema' || !schema) return undefined;
  return { type: 'jsonSchema', schema, extra: own(restOf(format, ['type', 'schema']), shape) };
}
