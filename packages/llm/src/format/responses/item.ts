// Items of the model's own side of Responses, in histories and in answers: messages, thoughts and calls, both ways.
import type { Part, RefusalPart, TextPart, ToolCallPart } from '../../hub/content.ts';
import type { Extra, JsonObject } from '../../hub/extra.ts';
import { readMember, requireString } from '../../hub/read.ts';
import { type Form, hasToken, takeResidue, tokensOf, writeNode } from '../../hub/residue.ts';
import { toWireId } from '../../hub/tool-names.ts';
import { asObject } from '../../usage.ts';
import {
  type ResponsesWriter,
  annotationsOf,
  decodeContent,
  noteCache,
  placeOf,
  selfWriter,
  writePart,
} from './content.ts';
import { decodeReasoning } from './reasoning.ts';
import { wireName } from './tool.ts';

/** A word in the shape of a part with which a message item begins; its members stand under `message` among the part's fields. */
const itemToken = 'item';
/** A word for a message whose content is a plain string. */
const textToken = 'content:text';
/** A word for a message without content, which the empty text stands for. */
const emptyToken = 'content:empty';

/** The parts of an item. Throws CodecError `invalid`. */
export function decodeItem(raw: JsonObject, path: string): Part[] {
  const type = readMember(raw, 'type', 'string', path) ?? 'message';
  switch (type) {
    case 'message':
      return decodeMessage(raw, path);
    case 'reasoning':
      return [decodeReasoning(raw, path)];
    case 'function_call':
    case 'custom_tool_call':
      return [decodeCall(raw, type, path)];
    default:
      return [{ type: 'opaque', format: 'responses', name: type, value: raw, path }];
  }
}

function decodeMessage(raw: JsonObject, path: string): Part[] {
  const { content, role: _role, ...members } = raw;
  const { parts, tokens } = decodeContent(raw, 'content', path);
  const shape = [itemToken];
  if (parts.length === 0) {
    parts.push({ type: 'text', text: '', path });
    shape.push(emptyToken);
    if (content !== undefined) members['content'] = content;
  } else if (tokens.length === 0) shape.push(textToken);
  const [first] = parts;
  if (first) first.extra = withItem(first.extra, members, shape);
  return parts;
}

function withItem(extra: Extra | undefined, members: JsonObject, tokens: readonly string[]): Extra {
  const shape = [...tokens, ...tokensOf(extra)].join(' ');
  return { format: 'responses', fields: { ...extra?.fields, message: members }, shape };
}

function decodeCall(raw: JsonObject, type: 'function_call' | 'custom_tool_call', path: string): ToolCallPart {
  const isFunction = type === 'function_call';
  const part: ToolCallPart = {
    type: 'toolCall',
    kind: isFunction ? 'function' : 'custom',
    id: requireString(raw, 'call_id', path),
    name: requireString(raw, 'name', path),
    arguments: requireString(raw, isFunction ? 'arguments' : 'input', path),
    path,
  };
  const extra = takeResidue('responses', raw, callForm(part, selfWriter));
  return extra ? { ...part, extra } : part;
}

/** The members of a call's item. */
export function callForm(part: ToolCallPart, writer: ResponsesWriter): Form {
  const call = { call_id: writer.isOwn ? part.id : toWireId(part.id), name: wireName(part.name, writer) };
  if (part.kind === 'custom') return { derived: { type: 'custom_tool_call', ...call, input: part.arguments } };
  const text = part.arguments === '' && !writer.isOwn ? '{}' : part.arguments;
  return { derived: { type: 'function_call', ...call, arguments: text } };
}

/** Writes an item that is one part. */
export function writeCall(part: ToolCallPart, writer: ResponsesWriter, defaults: JsonObject = {}): JsonObject {
  noteCache(part, writer);
  return writeNode({ ...callForm(part, writer), defaults }, part.extra, placeOf(writer, part.path));
}

/** Parts that stand in messages: the others are items of their own. */
function isMessagePart(part: Part): part is TextPart | RefusalPart {
  if (part.type === 'text' || part.type === 'refusal') return true;
  return part.type === 'opaque' && hasToken(part.extra, 'responses', itemToken);
}

/** Cuts parts into items: a list for each message, a part for every other. */
export function cutItems(parts: readonly Part[]): (Part | Part[])[] {
  const items: (Part | Part[])[] = [];
  for (const part of parts) {
    const last = items.at(-1);
    if (!isMessagePart(part) && !(part.type === 'opaque' && isContentName(part, last))) items.push(part);
    else if (Array.isArray(last) && !hasToken(part.extra, 'responses', itemToken)) last.push(part);
    else items.push([part]);
  }
  return items;
}

/** Opaque parts of a message's list have paths inside its content. */
function isContentName(part: Part, last: Part | Part[] | undefined): boolean {
  return Array.isArray(last) && /\.content\[\d+\]$/.test(part.path ?? '');
}

/** Writes a message of the model. `isAnswer` writes the form that answers have; histories of other formats get the short one. */
export function writeMessage(parts: readonly Part[], writer: ResponsesWriter, defaults: JsonObject): JsonObject {
  const [first] = parts;
  const isOwn = first !== undefined && hasToken(first.extra, 'responses', itemToken);
  if (!isOwn || !first) return { ...defaults, content: parts.map((part) => writeOutput(part, writer)) };
  const members = asObject(first.extra?.fields['message']) ?? {};
  if (
    hasToken(first.extra, 'responses', emptyToken) &&
    parts.length === 1 &&
    first.type === 'text' &&
    first.text === ''
  )
    return { ...members, role: 'assistant' };
  const isText = hasToken(first.extra, 'responses', textToken) && parts.length === 1 && first.type === 'text';
  const content = isText ? first.text : parts.map((part) => writeOutput(part, writer));
  return { ...members, role: 'assistant', content };
}

/** A part of a message of the model: its text is `output_text`. */
export function writeOutput(part: Part, writer: ResponsesWriter): JsonObject {
  const bare = withoutItem(part);
  if (bare.type !== 'text') return writePart(bare, writer);
  noteCache(bare, writer);
  const isOwn = bare.extra?.format === 'responses' || writer.isOwn;
  const defaults = isOwn ? { type: 'output_text' } : { type: 'output_text', annotations: [] };
  const form = { derived: { text: bare.text, ...annotationsOf(bare, writer) }, defaults };
  return writeNode(form, bare.extra, placeOf(writer, bare.path));
}

function withoutItem(part: Part): Part {
  if (part.extra?.format !== 'responses' || part.extra.fields['message'] === undefined) return part;
  const { message: _message, ...fields } = part.extra.fields;
  const shape = tokensOf(part.extra)
    .filter((token) => token.startsWith('-'))
    .join(' ');
  return { ...part, extra: { format: 'responses', fields, ...(shape !== '' && { shape }) } };
}
