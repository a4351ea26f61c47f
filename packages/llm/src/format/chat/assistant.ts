// The model's own messages of Chat Completions, in histories and in answers: thoughts, text, refusal, calls.
import { toOpaque } from '../../carrier.ts';
import type { Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart } from '../../hub/content.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { join, readArray, readMember, toObject } from '../../hub/read.ts';
import { type Form, hasToken, takeResidue, writeNode } from '../../hub/residue.ts';
import { toWireId } from '../../hub/tool-names.ts';
import { asObject } from '../../usage.ts';
import { type ChatWriter, cacheControl, decodeContentPart, placeOf, writeContentPart } from './content.ts';
import { decodeReasoning } from './reasoning.ts';
import { wireName } from './tool.ts';

/** Vendor whose thought signatures Chat Completions bodies hold on calls (Google's OpenAI-compatible API). */
const signatureVendor = 'gemini';
const signatureMember = 'thought_signature';

/** A message's pieces, and the words that tell how they were written. */
interface ReadMessage {
  readonly parts: Part[];
  readonly tokens: string[];
}

/** Text or parts: a string is one text, an empty one none. */
export function decodeContent(raw: JsonObject, path: string, writer: ChatWriter): ReadMessage {
  const value = raw['content'];
  const at = join(path, 'content');
  if (typeof value === 'string')
    return { parts: value === '' ? [] : [{ type: 'text', text: value, path: at }], tokens: [] };
  const list = readArray(raw, 'content', path);
  if (!list || list.length === 0) return { parts: [], tokens: [] };
  return {
    parts: list.map((part, index) => decodeContentPart(part, `${at}[${index}]`, writer)),
    tokens: ['content:list'],
  };
}

/** Reads an assistant message. Throws CodecError `invalid`. */
export function decodeAssistant(raw: JsonObject, path: string, writer: ChatWriter): ReadMessage {
  const reasoning = decodeReasoning(raw, path, writer);
  const content = decodeContent(raw, path, writer);
  const refusal = readMember(raw, 'refusal', 'string', path);
  const annotations = raw['annotations'];
  const text = content.parts.find((part) => part.type === 'text');
  if (text && Array.isArray(annotations) && annotations.length > 0)
    text.citations = { format: 'chat', values: annotations };
  const calls = readArray(raw, 'tool_calls', path) ?? [];
  const parts: Part[] = [
    ...reasoning.parts,
    ...content.parts,
    ...(refusal ? [{ type: 'refusal', text: refusal, path: join(path, 'refusal') } as const] : []),
    ...calls.map((call, index) => decodeCall(call, `${path}.tool_calls[${index}]`, writer)),
  ];
  const legacy = asObject(raw['function_call']);
  if (calls.length === 0 && typeof legacy?.['name'] === 'string' && legacy['name'] !== '')
    parts.push({
      type: 'toolCall',
      kind: 'function',
      id: legacyId(legacy['name']),
      name: legacy['name'],
      arguments: typeof legacy['arguments'] === 'string' ? legacy['arguments'] : '',
      extra: { format: 'chat', fields: {}, shape: 'function_call' },
      path: join(path, 'function_call'),
    });
  return { parts, tokens: [...reasoning.tokens, ...content.tokens] };
}

/** The id given to a call of the older form, which has none; its result names the function too. */
export function legacyId(name: string): string {
  return `call_${toWireId(name)}`;
}

/** A member of `tool_calls`. Throws CodecError `invalid`. */
export function decodeCall(value: unknown, path: string, writer: ChatWriter): ToolCallPart {
  const raw = toObject(value, path);
  const kind = raw['type'] === 'custom' ? 'custom' : 'function';
  const inner = toObject(raw[kind], join(path, kind));
  const text = inner[kind === 'custom' ? 'input' : 'arguments'];
  const isObject = asObject(text) !== undefined;
  if (text !== undefined && text !== null && typeof text !== 'string' && !isObject)
    throw new CodecError('invalid', join(path, `${kind}.arguments`), 'must be a string with JSON in it');
  const signature = asObject(asObject(raw['extra_content'])?.['google'])?.[signatureMember];
  const opaque = typeof signature === 'string' ? toOpaque(signature, signatureVendor, signatureMember) : undefined;
  const part: ToolCallPart = {
    type: 'toolCall',
    kind,
    id: readMember(raw, 'id', 'string', path) ?? `call_${path.replaceAll(/\D+/g, '_')}`,
    name: readMember(inner, 'name', 'string', join(path, kind)) ?? '',
    arguments: isObject ? JSON.stringify(text) : ((text ?? '') as string),
    ...(opaque && { opaque }),
    path,
  };
  const tokens = isObject ? ['arguments:object'] : typeof text === 'string' ? [] : ['arguments:none'];
  if (tokens.length > 0) part.extra = { format: 'chat', fields: {}, shape: tokens.join(' ') };
  const extra = takeResidue('chat', raw, callForm(part, writer), tokens);
  if (extra) part.extra = extra;
  return part;
}

/** Writes a call. */
export function writeCall(part: ToolCallPart, writer: ChatWriter): JsonObject {
  cacheControl(part.cache, { ...writer, isOwn: false }, part.path);
  return writeNode(callForm(part, writer), part.extra, placeOf(writer, part.path));
}

function callForm(part: ToolCallPart, writer: ChatWriter): Form {
  const id = writer.isOwn ? part.id : toWireId(part.id);
  const name = wireName(part.name, writer);
  if (part.kind === 'custom') return { derived: { id, type: 'custom', custom: { name, input: part.arguments } } };
  const text = part.arguments === '' && !writer.isOwn ? '{}' : part.arguments;
  const isObject = hasToken(part.extra, 'chat', 'arguments:object');
  const isNone = text === '' && hasToken(part.extra, 'chat', 'arguments:none');
  const signature = part.opaque?.vendor === signatureVendor ? part.opaque.values[signatureMember] : undefined;
  return {
    derived: {
      id,
      type: 'function',
      function: { name, arguments: isNone ? undefined : isObject ? parsedOr(text) : text },
      ...(signature !== undefined && { extra_content: { google: { [signatureMember]: signature } } }),
    },
  };
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What an assistant message says, whatever its thoughts are written as. */
interface AssistantMessage {
  readonly parts: readonly Part[];
  readonly isList: boolean;
  readonly writer: ChatWriter;
  /** Members that hold the thoughts. */
  readonly reasoning: (parts: readonly ReasoningPart[]) => JsonObject;
}

/** Thoughts and refusals that stood in the content list stay there; others have members of their own. */
function isBeside(part: Part): boolean {
  return !hasToken(part.extra, 'chat', 'chunk');
}

/** The members of an assistant message. Throws CodecError `unsupported` for parts that it cannot hold. */
export function assistantMembers({ parts, isList, writer, reasoning }: AssistantMessage): JsonObject {
  const thoughts = parts.filter((part) => part.type === 'reasoning' && isBeside(part));
  const refusals = parts.filter((part) => part.type === 'refusal' && isBeside(part));
  const calls = parts.filter((part) => part.type === 'toolCall');
  const beside = new Set<Part>([...thoughts, ...refusals, ...calls]);
  const pieces = parts.filter((part) => !beside.has(part));
  const legacy = calls.find((call) => hasToken(call.extra, 'chat', 'function_call'));
  const citations = pieces.flatMap((part) =>
    part.type === 'text' && part.citations?.format === 'chat' ? part.citations.values : [],
  );
  return {
    role: 'assistant',
    content: pieces.length === 0 ? undefined : contentOf(pieces, isList, writer),
    refusal: refusals.length === 0 ? undefined : refusals.map((part) => (part as RefusalPart).text).join(''),
    ...reasoning(thoughts as ReasoningPart[]),
    annotations: citations.length === 0 ? undefined : citations,
    tool_calls: legacy || calls.length === 0 ? undefined : calls.map((call) => writeCall(call, writer)),
    function_call: legacy && { name: legacy.name, arguments: legacy.arguments },
  };
}

/** Text or parts: one plain text is a string. */
export function contentOf(pieces: readonly Part[], isList: boolean, writer: ChatWriter): unknown {
  const [first] = pieces;
  if (!isList && pieces.length === 1 && first?.type === 'text') return plainText(first, writer);
  return pieces.map((part) => writeContentPart(part, writer));
}

/** A text as a plain string; what it cannot hold is noted. */
export function plainText(part: TextPart, writer: ChatWriter): string {
  writeContentPart(part, writer);
  return part.text;
}
