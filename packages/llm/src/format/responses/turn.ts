// The input of a Responses request as turns, both ways; consecutive items of the model make one turn.
import type { Part, TextPart, ToolResultPart } from '../../hub/content.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { join, readArray, readMember, requireString, toObject } from '../../hub/read.ts';
import type { Turn } from '../../hub/request.ts';
import { type Form, hasToken, takeResidue, writeNode } from '../../hub/residue.ts';
import { toWireId } from '../../hub/tool-names.ts';
import { type ResponsesWriter, contentOf, decodeContent, noteCache, placeOf, selfWriter } from './content.ts';
import { cutItems, decodeItem, writeCall, writeMessage } from './item.ts';
import { writeReasoning } from './reasoning.ts';

/** A word for the turn that `instructions` make. */
const instructionsToken = 'instructions';
/** A word for the only turn of an input that is a plain string. */
const inputToken = 'input:text';

/** The turns of `instructions` and `input`. Throws CodecError `invalid`. */
export function decodeTurns(body: JsonObject): Turn[] {
  const turns: Turn[] = [];
  const instructions = body['instructions'];
  if (typeof instructions === 'string' && instructions !== '') {
    const text: TextPart = { type: 'text', text: instructions, path: 'instructions' };
    turns.push({ role: 'system', parts: [text], extra: shaped(instructionsToken), path: 'instructions' });
  }
  const { input } = body;
  if (typeof input === 'string') {
    if (input === '') return turns;
    const text: TextPart = { type: 'text', text: input, path: 'input' };
    return [...turns, { role: 'user', parts: [text], extra: shaped(inputToken), path: 'input' }];
  }
  (readArray(body, 'input') ?? []).forEach((value, index) => addItem(turns, value, `input[${index}]`));
  return turns;
}

function shaped(shape: string): NonNullable<Turn['extra']> {
  return { format: 'responses', fields: {}, shape };
}

function addItem(turns: Turn[], value: unknown, path: string): void {
  const raw = toObject(value, path);
  const type = readMember(raw, 'type', 'string', path) ?? 'message';
  if (type === 'function_call_output' || type === 'custom_tool_call_output') {
    turns.push(decodeOutput(raw, type, path));
    return;
  }
  const role = type === 'message' ? requireString(raw, 'role', path) : 'assistant';
  if (role === 'user' || role === 'system' || role === 'developer') {
    turns.push(decodeMessage(raw, role, path));
    return;
  }
  if (role !== 'assistant')
    throw new CodecError(
      'invalid',
      join(path, 'role'),
      `${JSON.stringify(role)} is no role: use system, developer, user or assistant`,
    );
  const parts = decodeItem(raw, path);
  const last = turns.at(-1);
  if (last?.role === 'assistant') last.parts.push(...parts);
  else turns.push({ role: 'assistant', parts, path });
}

function decodeMessage(raw: JsonObject, role: 'user' | 'system' | 'developer', path: string): Turn {
  const { parts, tokens } = decodeContent(raw, 'content', path);
  const turn: Turn = { role, parts, path };
  if (tokens.length > 0) turn.extra = shaped(tokens.join(' '));
  const extra = takeResidue('responses', raw, messageForm(turn, selfWriter), tokens);
  if (extra) turn.extra = extra;
  return turn;
}

function messageForm(turn: Turn, writer: ResponsesWriter): Form {
  const parts = turn.parts.filter((part) => part.type !== 'toolResult');
  const isList = hasToken(turn.extra, 'responses', 'content:list');
  return {
    derived: { role: turn.role, content: parts.length === 0 ? undefined : contentOf(parts, isList, writer) },
    defaults: { content: '' },
  };
}

function decodeOutput(raw: JsonObject, type: string, path: string): Turn {
  const { parts, tokens } = decodeContent(raw, 'output', path);
  const part: ToolResultPart = {
    type: 'toolResult',
    callId: requireString(raw, 'call_id', path),
    content: parts as ToolResultPart['content'],
    path,
  };
  const turn: Turn = { role: 'tool', parts: [part], path };
  const words = type === 'custom_tool_call_output' ? ['custom', ...tokens] : tokens;
  if (words.length > 0) turn.extra = shaped(words.join(' '));
  const isCustom = words.includes('custom');
  const extra = takeResidue('responses', raw, outputForm(turn, part, { writer: selfWriter, isCustom }), words);
  if (extra) turn.extra = extra;
  return turn;
}

interface OutputWriter {
  readonly writer: ResponsesWriter;
  readonly isCustom: boolean;
}

function outputForm(turn: Turn, part: ToolResultPart, { writer, isCustom }: OutputWriter): Form {
  const isList = hasToken(turn.extra, 'responses', 'content:list');
  return {
    derived: {
      type: isCustom ? 'custom_tool_call_output' : 'function_call_output',
      call_id: writer.isOwn ? part.callId : toWireId(part.callId),
      output: part.content.length === 0 ? undefined : contentOf(part.content, isList, writer),
    },
    defaults: { output: '' },
  };
}

function isInstructions(turn: Turn): boolean {
  return hasToken(turn.extra, 'responses', instructionsToken);
}

/** `instructions`, where the client gave some. */
export function instructionsOf(turns: readonly Turn[]): string | undefined {
  const texts = turns.filter(isInstructions).flatMap(({ parts }) => parts.map((part) => (part as TextPart).text));
  return texts.length === 0 ? undefined : texts.join('\n\n');
}

/** `instructions` and `input`. Throws CodecError `unsupported`. */
export function writeTurns(turns: readonly Turn[], writer: ResponsesWriter): JsonObject {
  const instructions = instructionsOf(turns);
  const rest = turns.filter((turn) => !isInstructions(turn));
  const [only] = rest;
  const [text] = only?.parts ?? [];
  const isText = rest.length === 1 && hasToken(only?.extra, 'responses', inputToken) && text?.type === 'text';
  return {
    ...(instructions !== undefined && { instructions }),
    input: isText ? text.text : writeItems(rest, writer),
  };
}

function writeItems(turns: readonly Turn[], writer: ResponsesWriter): JsonObject[] {
  const customIds = new Set(
    turns
      .flatMap(({ parts }) => parts.filter((part) => part.type === 'toolCall' && part.kind === 'custom'))
      .map((part) => (part as { id: string }).id),
  );
  const items: JsonObject[] = [];
  for (const turn of turns) {
    for (const part of turn.parts)
      if (part.type === 'toolResult')
        items.push(writeOutput(turn, part, { writer, isCustom: customIds.has(part.callId) }));
    if (turn.role === 'tool') continue;
    if (turn.role === 'assistant') {
      items.push(...assistantItems(turn, writer, items.length));
      continue;
    }
    const rest = turn.parts.filter((part) => part.type !== 'toolResult');
    if (rest.length < turn.parts.length && rest.length === 0) continue;
    items.push(writeNode(messageForm(turn, writer), turn.extra, placeOf(writer, turn.path)));
  }
  return items;
}

function writeOutput(turn: Turn, part: ToolResultPart, { writer, isCustom }: OutputWriter): JsonObject {
  if (part.isError)
    writer.note({ path: join(part.path ?? '', 'is_error'), message: 'left out: a tool output cannot say it' });
  noteCache(part, writer);
  const isMarked = hasToken(turn.extra, 'responses', 'custom');
  const extra = turn.parts.length === 1 ? turn.extra : undefined;
  const form = outputForm(turn, part, { writer, isCustom: isCustom || isMarked });
  return writeNode(form, extra, placeOf(writer, part.path));
}

function assistantItems(turn: Turn, writer: ResponsesWriter, count: number): JsonObject[] {
  return cutItems(turn.parts).flatMap((item, index): JsonObject[] => {
    if (Array.isArray(item)) return [writeHistory(item, writer, count + index)];
    if (item.type === 'reasoning') {
      const written = writeReasoning(item, writer, count + index);
      return written ? [written] : [];
    }
    if (item.type === 'toolCall') return [writeCall(item, writer)];
    if (item.type === 'opaque' && item.format === 'responses') return [item.value];
    const name = item.type === 'opaque' ? item.name : item.type;
    throw new CodecError('unsupported', item.path ?? '', `Responses has no item of the kind ${name}`);
  });
}

/** A message of the model in a history; of another format a plain text has the short form, which needs no id. */
function writeHistory(parts: readonly Part[], writer: ResponsesWriter, index: number): JsonObject {
  const isForeign = parts.every(({ extra }) => extra?.format !== 'responses');
  const [first] = parts;
  if (isForeign && parts.length === 1 && first?.type === 'text')
    return { role: 'assistant', content: contentOf(parts, false, writer) };
  const defaults = isForeign
    ? { type: 'message', id: `msg_${index}`, role: 'assistant', status: 'completed' }
    : { type: 'message', role: 'assistant' };
  return writeMessage(parts, writer, defaults);
}
