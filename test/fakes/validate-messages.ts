// What Anthropic's Messages API refuses: the schema, turns out of order, thinking it did not sign, and settings that exclude each other.
import { isObject, readString, toObjects } from './json.ts';
import type { ProviderMemory } from './memory.ts';
import { toAnthropicRefusal, type VendorRefusal } from './refusal.ts';
import { findSchemaError, type SchemaError } from './schema.ts';
import { checkClaudeRules } from './validate-claude.ts';

type Json = Record<string, unknown>;

const cacheBreakpointsMax = 4;
const thinkingBudgetMin = 1024;
const toolName = /^[a-zA-Z0-9_-]{1,128}$/u;

/** Versions of the API: what the header `anthropic-version` may say. */
export const anthropicVersions = ['2023-01-01', '2023-06-01', '2026-10-21'] as const;

/** Where a request goes, and by which version. */
export interface MessagesEndpoint {
  readonly name: 'messages' | 'count-tokens';
  readonly version: string;
}

/** Throws the vendor's refusal of a messages request or a count of its tokens, if it has one. */
export function validateMessages(body: Json, endpoint: MessagesEndpoint, memory: ProviderMemory): void {
  if (endpoint.version >= '2026-10-21') checkRemoved(body);
  const error = findSchemaError(endpoint.name, body);
  if (error !== undefined) throw toRefusal(error);
  checkParameters(body);
  checkClaudeRules(body);
  checkTools(body);
  checkThinking(body);
  checkCacheBreakpoints(body);
  const messages = toObjects(body['messages']);
  checkTurns(messages);
  messages.forEach((message, index) => {
    checkBlocks(message, `messages.${String(index)}`, memory);
    checkToolResults(messages, index);
  });
  checkHistoryTools(body, messages);
  if (isThinkingOn(body)) checkThinkingTurn(messages);
}

/** What version 2026-10-21 no longer takes (platform.claude.com/docs/en/api/versioning). */
function checkRemoved(body: Json): void {
  for (const name of ['temperature', 'top_p', 'top_k']) {
    if (name in body) throw toAnthropicRefusal(`${name}: Extra inputs are not permitted`);
  }
  toObjects(body['messages']).forEach((message, index) => {
    const blocks = toObjects(message['content']);
    const at = `messages.${String(index)}.content`;
    const isUser = message['role'] === 'user';
    blocks.forEach((block, position) => {
      if (!isUser && block['type'] === 'document') {
        throw toAnthropicRefusal(
          `${at}.${String(position)}: \`document\` blocks are not permitted in \`assistant\` messages`,
        );
      }
      const texts = block['type'] === 'search_result' ? toObjects(block['content']) : [block];
      if (isUser && texts.some(({ citations }) => Array.isArray(citations) && citations.length > 0)) {
        throw toAnthropicRefusal(
          `${at}.${String(position)}: \`citations\` are not permitted on \`text\` blocks in \`user\` messages`,
        );
      }
    });
  });
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'Input should be a valid string',
  number: 'Input should be a valid number',
  integer: 'Input should be a valid integer',
  boolean: 'Input should be a valid boolean',
  array: 'Input should be a valid list',
  object: 'Input should be a valid dictionary',
};

function toRefusal({ path, kind, expected, actual }: SchemaError): VendorRefusal {
  const where = path.join('.');
  switch (kind) {
    case 'unknown':
      return toAnthropicRefusal(`${where}: Extra inputs are not permitted`);
    case 'missing':
      return toAnthropicRefusal(`${where}: Field required`);
    case 'type':
      return toAnthropicRefusal(`${where}: ${typeWords[expected[0] ?? ''] ?? 'Input is not valid'}`);
    case 'value':
      return toAnthropicRefusal(
        `${where}: Input should be ${expected.map((value) => `'${value}'`).join(' or ')}, but got ${JSON.stringify(actual)}`,
      );
  }
}

function checkParameters(body: Json): void {
  const limit = body['max_tokens'];
  if (typeof limit === 'number' && !Number.isInteger(limit)) {
    throw toAnthropicRefusal('max_tokens: Input should be a valid integer, got a number with a fractional part');
  }
  checkRange(body, 'max_tokens', 0);
  checkRange(body, 'temperature', 0, 1);
  checkRange(body, 'top_p', 0, 1);
  checkRange(body, 'top_k', 0);
  const stops = body['stop_sequences'];
  if (Array.isArray(stops) && stops.some((stop) => typeof stop === 'string' && stop.trim() === '')) {
    throw toAnthropicRefusal('stop_sequences: each stop sequence must contain non-whitespace');
  }
}

function checkRange(body: Json, name: string, min: number, max?: number): void {
  const value = body[name];
  if (typeof value !== 'number') return;
  if (value < min) throw toAnthropicRefusal(`${name}: Input should be greater than or equal to ${String(min)}`);
  if (max !== undefined && value > max) {
    throw toAnthropicRefusal(`${name}: Input should be less than or equal to ${String(max)}`);
  }
}

function checkTools(body: Json): void {
  const tools = toObjects(body['tools']);
  const names = tools.flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  tools.forEach((tool, index) => {
    if (tool['type'] !== undefined && tool['type'] !== null && tool['type'] !== 'custom') return;
    if (!toolName.test(String(tool['name']))) {
      throw toAnthropicRefusal(
        `tools.${String(index)}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`,
      );
    }
  });
  if (new Set(names).size < names.length) throw toAnthropicRefusal('tools: Tool names must be unique.');
  const choice = body['tool_choice'];
  if (!isObject(choice)) return;
  if (tools.length === 0 && !Array.isArray(body['mcp_servers'])) {
    throw toAnthropicRefusal('tool_choice: `tool_choice` may only be specified while providing `tools`.');
  }
  if (choice['type'] === 'tool' && !names.includes(String(choice['name']))) {
    throw toAnthropicRefusal(`tool_choice: Tool '${String(choice['name'])}' not found in provided tools`);
  }
}

/** Thinking with a budget; adaptive thinking has none. */
function isThinkingOn(body: Json): boolean {
  return isObject(body['thinking']) && body['thinking']['type'] === 'enabled';
}

function checkThinking(body: Json): void {
  const { thinking, tool_choice: choice, temperature } = body;
  if (!isObject(thinking) || !isThinkingOn(body)) return;
  const budget = Number(thinking['budget_tokens']);
  if (budget < thinkingBudgetMin) {
    throw toAnthropicRefusal('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  }
  if (typeof body['max_tokens'] === 'number' && budget >= body['max_tokens']) {
    throw toAnthropicRefusal(
      '`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size',
    );
  }
  if (isObject(choice) && (choice['type'] === 'any' || choice['type'] === 'tool')) {
    throw toAnthropicRefusal('Thinking may not be enabled when tool_choice forces tool use.');
  }
  if (typeof temperature === 'number' && temperature !== 1) {
    throw toAnthropicRefusal('`temperature` may only be set to 1 when thinking is enabled.');
  }
  if (typeof body['top_k'] === 'number') {
    throw toAnthropicRefusal('`top_k` must be unset when thinking is enabled.');
  }
  if (typeof body['top_p'] === 'number' && body['top_p'] < 0.95) {
    throw toAnthropicRefusal('`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.');
  }
}

function checkCacheBreakpoints(body: Json): void {
  let count = 0;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isObject(node)) return;
    if (isObject(node['cache_control'])) count += 1;
    for (const key of ['content', 'source']) visit(node[key]);
  };
  [body['tools'], body['system'], body['messages']].forEach(visit);
  if (isObject(body['cache_control'])) count += 1;
  if (count <= cacheBreakpointsMax) return;
  throw toAnthropicRefusal(`A maximum of 4 blocks with cache_control may be provided. Found ${String(count)}.`);
}

function checkTurns(messages: readonly Json[]): void {
  const [first] = messages;
  const last = messages.at(-1);
  if (first === undefined || last === undefined) throw toAnthropicRefusal('messages: at least one message is required');
  if (first['role'] !== 'user') throw toAnthropicRefusal('messages: first message must use the "user" role');
  messages.forEach((message, index) => {
    const { content } = message;
    const isEmpty = content === '' || (Array.isArray(content) && content.length === 0);
    const isPrefill = message === last && message['role'] === 'assistant';
    if (isEmpty && !isPrefill) {
      throw toAnthropicRefusal(
        `messages.${String(index)}: all messages must have non-empty content except for the optional final assistant message`,
      );
    }
  });
  if (last['role'] !== 'assistant') return;
  const ending = typeof last['content'] === 'string' ? last['content'] : toObjects(last['content']).at(-1)?.['text'];
  if (typeof ending === 'string' && ending.trimEnd() !== ending) {
    throw toAnthropicRefusal('messages: final assistant content cannot end with trailing whitespace');
  }
}

/** Texts say something, thinking is genuine and stands before the calls, ids of calls are unique. */
function checkBlocks(message: Json, path: string, memory: ProviderMemory): void {
  const blocks = toObjects(message['content']);
  const callIds = new Set<unknown>();
  blocks.forEach((block, index) => {
    const where = `${path}.content.${String(index)}`;
    switch (block['type']) {
      case 'text':
        if (block['text'] === '') throw toAnthropicRefusal('messages: text content blocks must be non-empty');
        if (String(block['text']).trim() === '') {
          throw toAnthropicRefusal('messages: text content blocks must contain non-whitespace text');
        }
        break;
      case 'thinking':
      case 'redacted_thinking':
        checkGenuine(block, where, memory);
        if (callIds.size > 0) {
          throw toAnthropicRefusal(
            `${path}: \`thinking\` blocks must precede \`tool_use\` blocks; they may not be reordered.`,
          );
        }
        break;
      case 'tool_use':
        if (message['role'] !== 'assistant') {
          throw toAnthropicRefusal(`${path}: \`tool_use\` blocks can only be in \`assistant\` messages`);
        }
        if (callIds.has(block['id'])) throw toAnthropicRefusal(`${path}: \`tool_use\` ids must be unique`);
        callIds.add(block['id']);
        if (!/^[a-zA-Z0-9_-]+$/u.test(String(block['id']))) {
          throw toAnthropicRefusal(`${where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
        }
        if (!isObject(block['input'])) {
          throw toAnthropicRefusal(`${where}.tool_use.input: Input should be a valid dictionary`);
        }
        break;
      default:
    }
  });
}

function checkGenuine(block: Json, where: string, memory: ProviderMemory): void {
  if (block['type'] === 'redacted_thinking') {
    if (memory.isRedactedGenuine(String(block['data']))) return;
    throw toAnthropicRefusal(`${where}: Invalid \`data\` in \`redacted_thinking\` block`);
  }
  if (memory.isThinkingGenuine(String(block['thinking']), String(block['signature']))) return;
  throw toAnthropicRefusal(`${where}: Invalid \`signature\` in \`thinking\` block`);
}

/** The turn after a turn with calls begins with all of their results, and no turn has others. Neighbours of one role are one turn. */
function checkToolResults(messages: readonly Json[], index: number): void {
  const message = messages[index] ?? {};
  const path = `messages.${String(index)}`;
  const results = toObjects(message['content']).filter(({ type }) => type === 'tool_result');
  const calls = listCallIds(messages, index - 1);
  results.forEach((result, at) => {
    const id = String(result['tool_use_id']);
    if (message['role'] === 'user' && calls.includes(id)) return;
    throw toAnthropicRefusal(
      `${path}.content.${String(at)}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
    );
  });
  const answered = results.map((result) => String(result['tool_use_id']));
  if (new Set(answered).size < answered.length) {
    throw toAnthropicRefusal(
      `${path}: each tool_use must have a single result. Found multiple \`tool_result\` blocks.`,
    );
  }
  const isLastOfTurn = message['role'] === 'assistant' && messages[index + 1]?.['role'] !== 'assistant';
  const own = isLastOfTurn ? listCallIds(messages, index) : [];
  const following = toObjects(messages[index + 1]?.['content']);
  const other = following.findIndex(({ type }) => type !== 'tool_result');
  const leading = other < 0 ? following : following.slice(0, other);
  const missing = own.filter((id) => !leading.some((result) => result['tool_use_id'] === id));
  if (missing.length === 0) return;
  throw toAnthropicRefusal(
    `${path}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  );
}

/** The ids of the calls in the assistant turn that ends at `index`. */
function listCallIds(messages: readonly Json[], index: number): string[] {
  const ids: string[] = [];
  for (let at = index; messages[at]?.['role'] === 'assistant'; at -= 1) {
    const calls = toObjects(messages[at]?.['content']).filter(({ type }) => type === 'tool_use');
    ids.push(...calls.map(({ id }) => String(id)));
  }
  return ids;
}

function checkHistoryTools(body: Json, messages: readonly Json[]): void {
  if (toObjects(body['tools']).length > 0) return;
  const blocks = messages.flatMap(({ content }) => toObjects(content));
  if (!blocks.some(({ type }) => type === 'tool_use' || type === 'tool_result')) return;
  throw toAnthropicRefusal('Requests which have `tool_use` or `tool_result` blocks in the history must define tools.');
}

/** With thinking on, the assistant turn whose calls are being answered begins with thinking. */
function checkThinkingTurn(messages: readonly Json[]): void {
  const last = messages.at(-1);
  if (last === undefined) return;
  const isAnswer = toObjects(last['content']).some(({ type }) => type === 'tool_result');
  const index = last['role'] === 'assistant' ? messages.length - 1 : isAnswer ? messages.length - 2 : -1;
  const turn = messages[index];
  if (turn?.['role'] !== 'assistant') return;
  const first = readString(toObjects(turn['content'])[0] ?? {}, 'type', 'text');
  if (first === 'thinking' || first === 'redacted_thinking') return;
  throw toAnthropicRefusal(
    `messages.${String(index)}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${first}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks).`,
  );
}
