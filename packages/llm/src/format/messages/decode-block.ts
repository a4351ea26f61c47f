// Content blocks of Anthropic Messages to parts, in requests and answers alike; blocks that only this format has stay opaque.
import { type Carried, toOpaque, unwrapCarrier } from '../../carrier.ts';
import type {
  DocumentPart,
  ImagePart,
  MediaSource,
  Opaque,
  OpaquePart,
  Part,
  ReasoningPart,
  TextPart,
  ToolResultPart,
} from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { restOf } from '../../hub/notes.ts';
import { asObject } from '../../usage.ts';
import { demandArray, demandObject, demandString, nativeVendor, own, pathOf, takeCache } from './own.ts';

/** The member of a tool's input that holds arguments which are no JSON object, as the model wrote them. */
export const rawArgumentsMember = '__raw_arguments';

/** Decodes a content: a string, or a list of blocks. Throws CodecError `invalid`. */
export function decodeContent(content: unknown, path: string): Part[] {
  if (typeof content === 'string') return [{ type: 'text', text: content, extra: own({}), path }];
  const carried = new Map<string, Opaque>();
  const parts: Part[] = [];
  for (const [index, block] of demandArray(content, path).entries()) {
    const carrier = toCallCarrier(block);
    if (carrier?.callId === undefined) parts.push(decodeBlock(block, `${path}[${index}]`));
    else carried.set(carrier.callId, carrier.opaque);
  }
  if (carried.size === 0) return parts;
  return parts.map((part) => {
    const opaque = part.type === 'toolCall' ? carried.get(part.id) : undefined;
    return opaque ? { ...part, opaque } : part;
  });
}

/** What this gateway's own block carries for a tool call: the format has no place on the call itself. */
function toCallCarrier(block: unknown): Carried | undefined {
  const { type, data } = asObject(block) ?? {};
  return type === 'redacted_thinking' && typeof data === 'string' ? unwrapCarrier(data) : undefined;
}

/** Decodes one block. Throws CodecError `invalid`. */
export function decodeBlock(value: unknown, path: string): Part {
  const block = demandObject(value, path);
  const type = demandString(block, 'type', path);
  switch (type) {
    case 'text':
      return decodeText(block, path);
    case 'image':
      return decodeImage(block, path);
    case 'document':
      return decodeDocument(block, path);
    case 'thinking':
    case 'redacted_thinking':
      return decodeThinking(block, type, path);
    case 'tool_use':
      return decodeToolUse(block, path);
    case 'tool_result':
      return decodeToolResult(block, path);
    default:
      return toOpaquePart(block, type, path);
  }
}

function toOpaquePart(block: JsonObject, name: string, path: string): OpaquePart {
  return { type: 'opaque', format: 'messages', name, value: block, path };
}

function decodeText(block: JsonObject, path: string): TextPart {
  const text = demandString(block, 'text', path);
  const { citations } = block;
  const { cache, rest } = takeCache(
    block,
    Array.isArray(citations) && citations.length > 0 ? ['type', 'text', 'citations'] : ['type', 'text'],
  );
  return {
    type: 'text',
    text,
    ...(Array.isArray(citations) && citations.length > 0 && { citations: { format: 'messages', values: citations } }),
    ...(cache && { cache }),
    extra: own(rest),
    path,
  };
}

function decodeImage(block: JsonObject, path: string): ImagePart | OpaquePart {
  const source = toSource(block['source'], pathOf(path, 'source'));
  if (!source) return toOpaquePart(block, 'image', path);
  const { cache, rest } = takeCache(block, ['type', 'source']);
  return {
    type: 'image',
    source: source.source,
    ...(cache && { cache }),
    extra: own({ ...rest, ...source.rest }),
    path,
  };
}

function decodeDocument(block: JsonObject, path: string): DocumentPart | OpaquePart {
  const source = toSource(block['source'], pathOf(path, 'source'));
  if (!source) return toOpaquePart(block, 'document', path);
  const name = block['title'];
  const { cache, rest } = takeCache(block, typeof name === 'string' ? ['type', 'source', 'title'] : ['type', 'source']);
  return {
    type: 'document',
    source: source.source,
    ...(typeof name === 'string' && { name }),
    ...(cache && { cache }),
    extra: own({ ...rest, ...source.rest }),
    path,
  };
}

/** A source that the hub knows, and what else it says as a `source` field; undefined for others, such as one made of blocks. */
function toSource(
  value: unknown,
  path: string,
): { readonly source: MediaSource; readonly rest: JsonObject } | undefined {
  const object = demandObject(value, path);
  const withRest = (source: MediaSource, ...known: string[]): ReturnType<typeof toSource> => {
    const rest = restOf(object, ['type', ...known]);
    return { source, rest: Object.keys(rest).length > 0 ? { source: rest } : {} };
  };
  switch (object['type']) {
    case 'base64': {
      const mediaType = demandString(object, 'media_type', path);
      return withRest({ kind: 'base64', mediaType, data: demandString(object, 'data', path) }, 'media_type', 'data');
    }
    case 'url':
      return withRest({ kind: 'url', url: demandString(object, 'url', path) }, 'url');
    case 'file':
      return withRest({ kind: 'file', id: demandString(object, 'file_id', path) }, 'file_id');
    case 'text': {
      const mediaType = demandString(object, 'media_type', path);
      return withRest({ kind: 'text', mediaType, text: demandString(object, 'data', path) }, 'media_type', 'data');
    }
    default:
      return undefined;
  }
}

function decodeThinking(block: JsonObject, type: 'thinking' | 'redacted_thinking', path: string): ReasoningPart {
  const isRedacted = type === 'redacted_thinking';
  const member = isRedacted ? 'data' : 'signature';
  const sealed = block[member];
  const opaque = typeof sealed === 'string' ? toOpaque(sealed, nativeVendor, member) : undefined;
  // A carrier is taken off whole, damaged or not: it is nobody's signature. Other forms, such as an empty text, are kept.
  const isTaken = opaque !== undefined || (typeof sealed === 'string' && sealed !== '');
  const { cache, rest } = takeCache(block, isTaken ? ['type', 'thinking', member] : ['type', 'thinking']);
  return {
    type: 'reasoning',
    text: isRedacted ? '' : demandString(block, 'thinking', path),
    ...(isRedacted && { isRedacted }),
    ...(opaque && { opaque }),
    ...(cache && { cache }),
    extra: own(rest),
    path,
  };
}

function decodeToolUse(block: JsonObject, path: string): Part {
  const { cache, rest } = takeCache(block, ['type', 'id', 'name', 'input']);
  return {
    type: 'toolCall',
    id: demandString(block, 'id', path),
    name: demandString(block, 'name', path),
    arguments: toArguments(block['input']),
    kind: 'function',
    ...(cache && { cache }),
    extra: own(rest),
    path,
  };
}

/** A tool's input as the JSON text of its arguments; what another model wrote against the rules comes back as it was. */
function toArguments(input: unknown): string {
  const object = asObject(input);
  const raw = object?.[rawArgumentsMember];
  if (typeof raw === 'string' && Object.keys(object ?? {}).length === 1) return raw;
  return input === undefined ? '' : JSON.stringify(input);
}

function decodeToolResult(block: JsonObject, path: string): ToolResultPart {
  const { content, is_error: isError } = block;
  const known = ['type', 'tool_use_id', 'content', ...(typeof isError === 'boolean' ? ['is_error'] : [])];
  const { cache, rest } = takeCache(block, known);
  const isAbsent = content === undefined || content === null;
  return {
    type: 'toolResult',
    callId: demandString(block, 'tool_use_id', path),
    content: isAbsent ? [] : decodeResultContent(content, pathOf(path, 'content')),
    ...(typeof isError === 'boolean' && { isError }),
    ...(cache && { cache }),
    extra: own(
      content === null ? { ...rest, content } : rest,
      typeof content === 'string' ? 'text' : isAbsent ? 'none' : 'blocks',
    ),
    path,
  };
}

function decodeResultContent(content: unknown, path: string): ToolResultPart['content'] {
  if (typeof content === 'string') return [{ type: 'text', text: content, extra: own({}), path }];
  return demandArray(content, path).map((block, index) => decodeResultBlock(block, `${path}[${index}]`));
}

/** A block inside a result; what else may stand there, such as a search result, stays as it is. */
function decodeResultBlock(value: unknown, path: string): ToolResultPart['content'][number] {
  const block = demandObject(value, path);
  const type = demandString(block, 'type', path);
  if (type === 'text') return decodeText(block, path);
  if (type === 'image') return decodeImage(block, path);
  return type === 'document' ? decodeDocument(block, path) : toOpaquePart(block, type, path);
}
