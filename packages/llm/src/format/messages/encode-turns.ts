// Turns of the hub to the system words and messages of an Anthropic Messages request.
import { valuesFor } from '../../carrier.ts';
import type { RequestContext } from '../../hub/codec.ts';
import type { Part, ReasoningPart, ToolCallPart, ToolResultPart } from '../../hub/content.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { isOwn, ownFields, ownShape } from '../../hub/notes.ts';
import type { HubRequest, Turn } from '../../hub/request.ts';
import { anthropicNameCharsMax, toWireId, toWireName } from '../../hub/tool-names.ts';
import { systemShapes } from './decode-request.ts';
import { encodeDocument, encodeImage, encodeOpaque, encodeText, encodeToolUse, keepFields } from './encode-block.ts';
import { cacheMember, nativeVendor } from './own.ts';
import { sourcePath } from './source-path.ts';

/** What stands around system words that another format had amid the conversation: they go into the next user turn. */
export const systemMarker = { open: '<system-message>', close: '</system-message>' } as const;

/** The turn put before a conversation that no user begins, which Anthropic refuses. */
export const conversationStart = '<conversation-start/>';

/** The instruction that stands for `response_format: json_object`, put behind the system words. */
export const jsonInstruction = 'Answer with one valid JSON object and nothing else: no prose, no code fence.';

/** Turns as they are sent, and what they mean for the rest of the request. */
export interface EncodedTurns {
  /** Absent where there are none. */
  readonly system: string | JsonObject[] | undefined;
  readonly messages: JsonObject[];
  /** The model's last turn called tools and has lost its thoughts, or never had them: it cannot be continued with thinking. */
  readonly isThinkingLost: boolean;
}

interface WireTurn {
  role: 'user' | 'assistant' | 'system';
  blocks: JsonObject[];
  readonly isOwn: boolean;
  readonly isText: boolean;
  readonly fields: JsonObject;
  hasDropped: boolean;
}

/** Encodes all turns. Throws CodecError `unsupported`. */
export function encodeTurns(request: HubRequest, context: RequestContext): EncodedTurns {
  const firstOther = request.turns.findIndex((turn) => !isLeading(turn));
  const count = firstOther < 0 ? request.turns.length : firstOther;
  const turns = mergeTurns(request.turns.slice(count).flatMap((turn) => encodeTurn(turn, context)));
  if (!isOwn(request, 'messages') && turns[0]?.role !== 'user') {
    context.note({ path: 'messages', message: `a user turn ${conversationStart} is put first: Anthropic demands one` });
    turns.unshift(startTurn());
  }
  return {
    system: encodeSystem(request.turns.slice(0, count), request, context),
    messages: turns.map(({ role, blocks, isText, fields }) => ({
      role,
      content: isText && isPlainText(blocks) ? blocks[0]?.['text'] : blocks,
      ...fields,
    })),
    isThinkingLost: isThinkingLost(turns),
  };
}

function startTurn(): WireTurn {
  const blocks = [{ type: 'text', text: conversationStart }];
  return { role: 'user', blocks, isOwn: false, isText: false, fields: {}, hasDropped: false };
}

function isSystem({ role }: Turn): boolean {
  return role === 'system' || role === 'developer';
}

function isLeading(turn: Turn): boolean {
  return isSystem(turn) && ownShape(turn, 'messages')?.startsWith('turn') !== true;
}

function isPlainText(blocks: readonly JsonObject[]): boolean {
  const [block] = blocks;
  return blocks.length === 1 && block?.['type'] === 'text' && Object.keys(block).length === 2;
}

function encodeSystem(turns: readonly Turn[], request: HubRequest, context: RequestContext): EncodedTurns['system'] {
  const blocks = turns.flatMap((turn) => {
    keepFields(turn, context.note);
    return turn.parts.map((part) => encodePart(part, turn, context)).filter(isPresent);
  });
  if (request.output?.type === 'json') {
    blocks.push({ type: 'text', text: jsonInstruction });
    context.note({
      path: sourcePath(request, 'output'),
      message: 'JSON mode is asked for by an instruction: Anthropic has no such mode',
    });
  }
  const shape = turns.length === 1 ? ownShape(turns[0]!, 'messages') : undefined;
  if (blocks.length === 0) return shape === systemShapes.blocks ? [] : undefined;
  return shape !== systemShapes.blocks && isPlainText(blocks) ? String(blocks[0]?.['text']) : blocks;
}

/** One turn; none where nothing of it is left. */
function encodeTurn(turn: Turn, context: RequestContext): WireTurn[] {
  const owned = isOwn(turn, 'messages');
  if (!owned) {
    keepFields(turn, context.note);
    if (turn.name !== undefined)
      context.note({ path: turn.path ?? '', message: 'the name of a participant is left out' });
  }
  const role = isSystem(turn) ? (owned ? 'system' : 'user') : turn.role === 'assistant' ? 'assistant' : 'user';
  const encoded = turn.parts.map((part) => ({ part, block: encodePart(part, turn, context) }));
  let blocks = encoded.map(({ block }) => block).filter(isPresent);
  if (isSystem(turn) && !owned) blocks = blocks.map((block) => markSystem(block));
  if (blocks.length === 0 && !(owned && turn.parts.length === 0)) {
    context.note({ path: turn.path ?? '', message: 'a turn without content is left out' });
    return [];
  }
  return [
    {
      role,
      blocks,
      isOwn: owned,
      isText: ownShape(turn, 'messages') === 'turn text',
      fields: ownFields(turn, 'messages'),
      hasDropped: encoded.some(({ part, block }) => part.type === 'reasoning' && block === undefined),
    },
  ];
}

function markSystem(block: JsonObject): JsonObject {
  if (block['type'] !== 'text') return block;
  return { ...block, text: `${systemMarker.open}\n${String(block['text'])}\n${systemMarker.close}` };
}

/** Neighbours of one role become one turn, unless the client itself wrote both so; results of tools come first, thoughts before calls. */
function mergeTurns(turns: readonly WireTurn[]): WireTurn[] {
  const merged: WireTurn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role === turn.role && !(last.isOwn && turn.isOwn)) {
      merged[merged.length - 1] = {
        ...last,
        blocks: [...last.blocks, ...turn.blocks],
        isOwn: false,
        isText: false,
        hasDropped: last.hasDropped || turn.hasDropped,
      };
    } else merged.push(turn);
  }
  return merged.map((turn) => (turn.isOwn ? turn : { ...turn, blocks: orderBlocks(turn) }));
}

function orderBlocks({ role, blocks }: WireTurn): JsonObject[] {
  const firsts = role === 'user' ? isResult : isThought;
  const call = blocks.findIndex(isCall);
  const isInOrder =
    role === 'assistant' && (call < 0 || blocks.slice(0, call).some(isThought) || !blocks.some(isThought));
  if (isInOrder) return blocks;
  return [...blocks.filter(firsts), ...blocks.filter((block) => !firsts(block))];
}

const isPresent = (block: JsonObject | undefined): block is JsonObject => block !== undefined;
const isResult = (block: JsonObject): boolean => block['type'] === 'tool_result';
const isCall = (block: JsonObject): boolean => block['type'] === 'tool_use';
const isThought = (block: JsonObject): boolean => block['type'] === 'thinking' || block['type'] === 'redacted_thinking';

function isThinkingLost(turns: readonly WireTurn[]): boolean {
  const last = turns.findLast(({ role }) => role === 'assistant');
  if (!last?.blocks.some(isCall)) return false;
  return last.hasDropped || (!last.isOwn && !(last.blocks[0] && isThought(last.blocks[0])));
}

/** One part; undefined where it is left out. Throws CodecError `unsupported`. */
function encodePart(part: Part, turn: Turn, context: RequestContext): JsonObject | undefined {
  const { note } = context;
  const { path = turn.path ?? '' } = part;
  switch (part.type) {
    case 'text':
      if (part.text.trim() === '' && !isOwn(part, 'messages')) {
        note({ path, message: 'a blank text is left out: Anthropic refuses it' });
        return undefined;
      }
      return encodeText(part, note);
    case 'refusal':
      if (part.text.trim() === '') return undefined;
      keepFields(part, note);
      return { type: 'text', text: part.text, ...cacheMember(part.cache) };
    case 'image':
      return encodeImage(part, note);
    case 'document':
      return encodeDocument(part, note);
    case 'audio':
      throw new CodecError('unsupported', path, 'Anthropic models do not take audio');
    case 'reasoning':
      return encodeReasoning(part, path, context);
    case 'toolCall':
      if (part.kind === 'custom')
        throw new CodecError('unsupported', path, 'custom tools have no counterpart in messages');
      if (part.opaque) note({ path, message: "the thought signature of a call is another vendor's and is left out" });
      return encodeToolUse(part, wireCall(part), note);
    case 'toolResult':
      return encodeResult(part, context);
    default:
      return encodeOpaque(part);
  }
}

function wireCall(part: ToolCallPart): { readonly id: string; readonly name: string } {
  if (isOwn(part, 'messages')) return part;
  return { id: toWireId(part.id), name: toWireName(part.name, anthropicNameCharsMax) };
}

function encodeReasoning(part: ReasoningPart, path: string, { vendor, note }: RequestContext): JsonObject | undefined {
  // What stands unwrapped in the client's own body goes where the body goes, as it would if the bytes passed.
  const isNative = isOwn(part, 'messages') && part.opaque?.vendor === nativeVendor;
  const values = isNative ? part.opaque?.values : valuesFor(part.opaque, vendor);
  const isUnsealed = isOwn(part, 'messages') && !part.opaque && Object.hasOwn(part.extra?.fields ?? {}, 'signature');
  if (values?.['data'] !== undefined)
    return { type: 'redacted_thinking', data: values['data'], ...cacheMember(part.cache), ...keepFields(part, note) };
  if (values?.['signature'] !== undefined || isUnsealed)
    return {
      type: 'thinking',
      thinking: part.text,
      ...(values && { signature: values['signature'] }),
      ...cacheMember(part.cache),
      ...keepFields(part, note),
    };
  const maker = part.opaque ? `made by ${part.opaque.model ?? part.opaque.vendor}` : 'without a signature';
  note({ path, message: `a thought ${maker} is left out: ${vendor} could not verify it` });
  return undefined;
}

function encodeResult(part: ToolResultPart, context: RequestContext): JsonObject {
  const { note } = context;
  const shape = ownShape(part, 'messages');
  const blocks = part.content.map((inner) => encodeResultPart(inner, context)).filter(isPresent);
  const isText = shape !== 'blocks' && isPlainText(blocks);
  const content = isText ? blocks[0]?.['text'] : blocks;
  return {
    type: 'tool_result',
    tool_use_id: isOwn(part, 'messages') ? part.callId : toWireId(part.callId),
    ...((blocks.length > 0 || shape === 'blocks') && { content }),
    ...(part.isError !== undefined && { is_error: part.isError }),
    ...cacheMember(part.cache),
    ...keepFields(part, note),
  };
}

function encodeResultPart(part: ToolResultPart['content'][number], { note }: RequestContext): JsonObject | undefined {
  if (part.type === 'opaque') return encodeOpaque(part);
  if (part.type === 'image') return encodeImage(part, note);
  if (part.type === 'document') return encodeDocument(part, note);
  // An empty result is a result: it is the blank text block that Anthropic refuses.
  return part.text.trim() === '' && !isOwn(part, 'messages') ? undefined : encodeText(part, note);
}
