// Messages of a Chat Completions request, both ways; one turn of the hub may become several messages.
import type { Part, ReasoningPart, TextPart, ToolResultPart } from '../../hub/content.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { join, readMember, requireString, toObject } from '../../hub/read.ts';
import type { Turn } from '../../hub/request.ts';
import { type Form, hasToken, takeResidue, tokensOf, writeNode } from '../../hub/residue.ts';
import { toWireId } from '../../hub/tool-names.ts';
import { assistantMembers, contentOf, decodeAssistant, decodeContent, legacyId } from './assistant.ts';
import { type ChatWriter, cacheControl, placeOf, writeContentPart } from './content.ts';
import { writeReasoning } from './reasoning.ts';

/** The text before media that a tool answered with, which Chat Completions cannot hold in a tool's message. */
export function toolMediaMarker(callId: string): string {
  return `[content of the result of tool call ${callId}]`;
}

/** A message. Throws CodecError `invalid`. */
export function decodeMessage(value: unknown, index: number, writer: ChatWriter): Turn {
  const path = `messages[${index}]`;
  const raw = toObject(value, path);
  const role = requireString(raw, 'role', path);
  switch (role) {
    case 'system':
    case 'developer':
    case 'user': {
      const { parts, tokens } = decodeContent(raw, path, writer);
      return withResidue({ role, parts, ...nameOf(raw, path), path }, { raw, tokens, writer });
    }
    case 'assistant': {
      const { parts, tokens } = decodeAssistant(raw, path, writer);
      return withResidue({ role, parts, ...nameOf(raw, path), path }, { raw, tokens, writer });
    }
    case 'tool':
      return decodeResult(raw, { path, callId: requireString(raw, 'tool_call_id', path), writer, tokens: [] });
    case 'function': {
      const callId = legacyId(requireString(raw, 'name', path));
      return decodeResult(raw, { path, callId, writer, tokens: ['function'] });
    }
    default:
      throw new CodecError(
        'invalid',
        join(path, 'role'),
        `${JSON.stringify(role)} is no role: use system, developer, user, assistant or tool`,
      );
  }
}

function nameOf(raw: JsonObject, path: string): { name?: string } {
  const name = readMember(raw, 'name', 'string', path);
  return name === undefined ? {} : { name };
}

interface Read {
  readonly raw: JsonObject;
  readonly tokens: readonly string[];
  readonly writer: ChatWriter;
}

function withResidue(turn: Turn, { raw, tokens, writer }: Read): Turn {
  if (tokens.length > 0) turn.extra = { format: 'chat', fields: {}, shape: tokens.join(' ') };
  const extra = takeResidue('chat', raw, messageForm(turn, turn.parts, writer), tokens);
  if (extra) turn.extra = extra;
  return turn;
}

interface ReadResult {
  readonly path: string;
  readonly callId: string;
  readonly writer: ChatWriter;
  readonly tokens: readonly string[];
}

function decodeResult(raw: JsonObject, { path, callId, writer, tokens }: ReadResult): Turn {
  const content = decodeContent(raw, path, writer);
  const part: ToolResultPart = { type: 'toolResult', callId, content: content.parts as TextPart[], path };
  const turn: Turn = { role: 'tool', parts: [part], ...nameOf(raw, path), path };
  return withResidue(turn, { raw, tokens: [...tokens, ...content.tokens], writer });
}

/** Writes all messages. Throws CodecError `unsupported`. */
export function writeMessages(turns: readonly Turn[], writer: ChatWriter): JsonObject[] {
  const messages: JsonObject[] = [];
  // Media of tool results follow the last result of a run: nothing may stand between a call and its results.
  let media: JsonObject[] = [];
  const flush = (): void => {
    messages.push(...media);
    media = [];
  };
  for (const turn of turns) {
    const results = turn.parts.filter((part) => part.type === 'toolResult');
    for (const result of results) {
      messages.push(writeResult(turn, result, writer));
      media.push(...mediaOf(result, writer));
    }
    if (turn.role === 'tool') continue;
    const rest = turn.parts.filter((part) => part.type !== 'toolResult');
    if (rest.length === 0 && results.length > 0) continue;
    flush();
    messages.push(writeNode(messageForm(turn, rest, writer), turn.extra, placeOf(writer, turn.path)));
  }
  flush();
  return messages;
}

function messageForm(turn: Turn, parts: readonly Part[], writer: ChatWriter): Form {
  const isList = hasToken(turn.extra, 'chat', 'content:list');
  const { name } = turn;
  if (turn.role === 'tool') {
    const [result] = turn.parts;
    return result?.type === 'toolResult' ? resultForm(turn, result, writer) : { derived: {} };
  }
  if (turn.role === 'assistant') {
    const tokens = turn.extra?.format === 'chat' ? tokensOf(turn.extra) : [];
    const reasoning = (thoughts: readonly ReasoningPart[]): JsonObject => writeReasoning(thoughts, tokens, writer);
    const members = assistantMembers({ parts, isList, writer, reasoning });
    return { derived: { ...members, name }, defaults: { content: members['tool_calls'] === undefined ? '' : null } };
  }
  const role = turn.role === 'developer' && !writer.dialectal.hasDeveloperRole ? 'system' : turn.role;
  if (role !== 'user')
    for (const { type, path } of parts)
      if (type !== 'text' && !writer.isOwn)
        throw new CodecError('unsupported', path ?? '', `a ${role} message takes text only`);
  return {
    derived: { role, content: parts.length === 0 ? undefined : contentOf(parts, isList, writer), name },
    defaults: { content: '' },
  };
}

function writeResult(turn: Turn, result: ToolResultPart, writer: ChatWriter): JsonObject {
  if (result.isError)
    writer.note({ path: join(result.path ?? '', 'is_error'), message: 'left out: a tool message cannot say it' });
  cacheControl(result.cache, { ...writer, isOwn: false }, result.path);
  const extra = turn.parts.length === 1 ? turn.extra : undefined;
  return writeNode(resultForm(turn, result, writer), extra, placeOf(writer, result.path));
}

function resultForm(turn: Turn, result: ToolResultPart, writer: ChatWriter): Form {
  const pieces = result.content.filter((part) => writer.isOwn || part.type === 'text' || isTextDocument(part));
  const isList = hasToken(turn.extra, 'chat', 'content:list');
  const content = pieces.length === 0 ? undefined : contentOf(pieces, isList, writer);
  if (hasToken(turn.extra, 'chat', 'function')) return { derived: { role: 'function', name: turn.name, content } };
  const id = writer.isOwn ? result.callId : toWireId(result.callId);
  return { derived: { role: 'tool', tool_call_id: id, content, name: turn.name }, defaults: { content: '' } };
}

function isTextDocument(part: Part): boolean {
  return part.type === 'document' && part.source.kind === 'text';
}

/** A user message with the media of a tool's result; none where it had none. */
function mediaOf(result: ToolResultPart, writer: ChatWriter): JsonObject[] {
  if (writer.isOwn) return [];
  const media = result.content.filter((part) => part.type !== 'text' && !isTextDocument(part));
  if (media.length === 0) return [];
  writer.note({
    path: result.path ?? '',
    message: 'media of a tool result were put in a user message behind it: tool messages take text only',
  });
  const marker = { type: 'text', text: toolMediaMarker(toWireId(result.callId)) };
  return [{ role: 'user', content: [marker, ...media.map((part) => writeContentPart(part, writer))] }];
}
