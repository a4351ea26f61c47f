// Parts to content blocks of Anthropic Messages: what requests and answers write alike.
import type { DocumentPart, ImagePart, MediaSource, OpaquePart, TextPart, ToolCallPart } from '../../hub/content.ts';
import { CodecError, type Extra, type JsonObject, type TakeNote } from '../../hub/extra.ts';
import { isOwn, ownFields } from '../../hub/notes.ts';
import { noteForeign } from '../../hub/residue.ts';
import { asObject } from '../../usage.ts';
import { rawArgumentsMember } from './decode-block.ts';
import { cacheMember } from './own.ts';

/** A node that may hold fields of a format. */
interface Holder {
  readonly extra?: Extra | undefined;
  readonly path?: string | undefined;
}

/** The fields to write back at a node; those of another format are noted. */
export function keepFields(holder: Holder, note: TakeNote): JsonObject {
  if (isOwn(holder, 'messages')) return ownFields(holder, 'messages');
  noteForeign(holder.extra, { format: 'messages', path: holder.path ?? '', note });
  return {};
}

/** A text block. Citations of another format are left out, with a note. */
export function encodeText(part: TextPart, note: TakeNote): JsonObject {
  const { citations } = part;
  const isKept = citations?.format === 'messages';
  if (citations && !isKept) note({ path: part.path ?? '', message: `citations of ${citations.format} are left out` });
  return {
    type: 'text',
    text: part.text,
    ...(isKept && { citations: citations.values }),
    ...cacheMember(part.cache),
    ...keepFields(part, note),
  };
}

/** An image block. Throws CodecError `unsupported` for a file of another provider's store. */
export function encodeImage(part: ImagePart, note: TakeNote): JsonObject {
  if (part.detail !== undefined) note({ path: part.path ?? '', message: 'the detail of an image is left out' });
  const fields = keepFields(part, note);
  return {
    type: 'image',
    ...cacheMember(part.cache),
    ...fields,
    source: { ...encodeSource(part), ...asObject(fields['source']) },
  };
}

/** A document block: PDF or plain text. Throws CodecError `unsupported` for other types and files of another provider's store. */
export function encodeDocument(part: DocumentPart, note: TakeNote): JsonObject {
  const fields = keepFields(part, note);
  return {
    type: 'document',
    ...(part.name !== undefined && { title: part.name }),
    ...cacheMember(part.cache),
    ...fields,
    source: { ...encodeSource(part), ...asObject(fields['source']) },
  };
}

function encodeSource(part: ImagePart | DocumentPart): JsonObject {
  const { source, path = '' } = part;
  switch (source.kind) {
    case 'url':
      return { type: 'url', url: source.url };
    case 'text':
      return { type: 'text', media_type: source.mediaType, data: source.text };
    case 'file':
      if (isOwn(part, 'messages')) return { type: 'file', file_id: source.id };
      throw new CodecError(
        'unsupported',
        path,
        'a file of another provider cannot be read here: send its content instead',
      );
    default:
      return encodeBase64(part, source);
  }
}

function encodeBase64(
  part: ImagePart | DocumentPart,
  { mediaType, data }: Extract<MediaSource, { kind: 'base64' }>,
): JsonObject {
  if (part.type === 'image' || mediaType === 'application/pdf' || isOwn(part, 'messages'))
    return { type: 'base64', media_type: mediaType, data };
  if (mediaType.startsWith('text/') || mediaType === 'application/json')
    return { type: 'text', media_type: 'text/plain', data: Buffer.from(data, 'base64').toString('utf8') };
  throw new CodecError(
    'unsupported',
    part.path ?? '',
    `documents of type ${mediaType} are not read by Anthropic models`,
  );
}

/** A tool_use block under the given name and id. */
export function encodeToolUse(
  part: ToolCallPart,
  { id, name }: { readonly id: string; readonly name: string },
  note: TakeNote,
): JsonObject {
  return {
    type: 'tool_use',
    id,
    name,
    input: toInput(part, note),
    ...cacheMember(part.cache),
    ...keepFields(part, note),
  };
}

/** Arguments as the input object: empty ones are `{}`; what is no JSON object is handed on as text under one documented member. */
export function toInput(part: ToolCallPart, note: TakeNote): JsonObject {
  if (part.arguments.trim() === '') return {};
  if (part.kind === 'function') {
    try {
      const input = asObject(parseExactly(part.arguments));
      if (input) return input;
    } catch {
      // Falls through: models do write broken JSON, and their words must survive.
    }
  }
  note({ path: part.path ?? '', message: `arguments that are no JSON object are sent under ${rawArgumentsMember}` });
  return { [rawArgumentsMember]: part.arguments };
}

/** A number of so many digits may be more than a double holds. */
const longNumber = /\d{16}/;

/** JSON whose long numbers keep their digits when they are written again. */
function parseExactly(text: string): unknown {
  if (!longNumber.test(text)) return JSON.parse(text);
  return JSON.parse(text, keepDigits);
}

/** A reviver with the source text (ES2026) that writes a number again as it stood. */
function keepDigits(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const { source } = context ?? {};
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  return (JSON as unknown as { rawJSON(text: string): object }).rawJSON(source);
}

/** A block that only this format knows. Throws CodecError `unsupported` for those of others. */
export function encodeOpaque(part: OpaquePart): JsonObject {
  if (part.format === 'messages') return part.value;
  throw new CodecError('unsupported', part.path ?? '', `${part.name} of ${part.format} has no counterpart in messages`);
}
