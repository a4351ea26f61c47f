// Content parts of Chat Completions messages, both ways.
import type { CacheMark, Part } from '../../hub/content.ts';
import type { Dialectal } from '../../hub/codec.ts';
import { CodecError, type JsonObject, type TakeNote } from '../../hub/extra.ts';
import { fromDataUri, toDataUri, toFileName } from '../../hub/media.ts';
import { join, readMember, readObject, requireString, toObject } from '../../hub/read.ts';
import { type Form, type Place, hasToken, takeResidue, writeNode } from '../../hub/residue.ts';
import { asObject } from '../../usage.ts';

/** Who writes a chat body, for whom. */
export interface ChatWriter {
  /** The source is a chat body too. */
  readonly isOwn: boolean;
  /** Vendor whose opaque values may be sent; undefined while a body is only compared with itself. */
  readonly vendor: string | undefined;
  readonly dialectal: Dialectal;
  readonly note: TakeNote;
}

/** The place of a node of a chat body. */
export function placeOf(writer: ChatWriter, path: string | undefined): Place {
  return { format: 'chat', path: path ?? '', note: writer.note };
}

/** Kinds that elsewhere stand beside the content; a word tells that these stood in it. */
const chunkKinds: ReadonlySet<Part['type']> = new Set(['refusal', 'reasoning']);

/** A content part. Throws CodecError `invalid`. */
export function decodeContentPart(value: unknown, path: string, writer: ChatWriter): Part {
  const raw = toObject(value, path);
  const part = readPart(raw, path);
  if (part.type === 'opaque') return part;
  const cache = readCache(raw);
  if (cache) part.cache = cache;
  const token = typeof raw['image_url'] === 'string' ? 'url:text' : chunkKinds.has(part.type) ? 'chunk' : undefined;
  if (token !== undefined) part.extra = { format: 'chat', fields: {}, shape: token };
  const extra = takeResidue('chat', raw, partForm(part, writer), token === undefined ? [] : [token]);
  if (extra) part.extra = extra;
  return part;
}

function readPart(raw: JsonObject, path: string): Part {
  const type = requireString(raw, 'type', path);
  switch (type) {
    case 'text':
      return { type: 'text', text: requireString(raw, 'text', path), path };
    case 'refusal':
      return { type: 'refusal', text: requireString(raw, 'refusal', path), path };
    case 'image_url': {
      if (typeof raw['image_url'] === 'string') return { type: 'image', source: toSource(raw['image_url']), path };
      const image = toObject(raw['image_url'], join(path, 'image_url'));
      const detail = readMember(image, 'detail', 'string', join(path, 'image_url'));
      const source = toSource(requireString(image, 'url', join(path, 'image_url')));
      return { type: 'image', source, ...(detail !== undefined && { detail }), path };
    }
    case 'input_audio': {
      const audio = toObject(raw['input_audio'], join(path, 'input_audio'));
      const at = join(path, 'input_audio');
      return {
        type: 'audio',
        data: requireString(audio, 'data', at),
        encoding: requireString(audio, 'format', at),
        path,
      };
    }
    case 'file':
      return readFile(raw, path) ?? opaque(raw, type, path);
    case 'thinking':
      return readThinking(raw, path) ?? opaque(raw, type, path);
    default:
      return opaque(raw, type, path);
  }
}

function opaque(raw: JsonObject, name: string, path: string): Part {
  return { type: 'opaque', format: 'chat', name, value: raw, path };
}

function toSource(url: string): Extract<Part, { type: 'image' }>['source'] {
  return fromDataUri(url) ?? { kind: 'url', url };
}

function readFile(raw: JsonObject, path: string): Part | undefined {
  const file = readObject(raw, 'file', path) ?? {};
  const name = readMember(file, 'filename', 'string', join(path, 'file'));
  const id = readMember(file, 'file_id', 'string', join(path, 'file'));
  const source = id === undefined ? fromDataUri(String(file['file_data'])) : ({ kind: 'file', id } as const);
  return source && { type: 'document', source, ...(name !== undefined && { name }), path };
}

/** Mistral writes thoughts as a content part with one text in it. */
function readThinking(raw: JsonObject, path: string): Part | undefined {
  const list = raw['thinking'];
  const only = Array.isArray(list) && list.length === 1 ? asObject(list[0]) : undefined;
  if (only?.['type'] !== 'text' || typeof only['text'] !== 'string' || Object.keys(only).length !== 2) return undefined;
  return { type: 'reasoning', text: only['text'], path };
}

function readCache(raw: JsonObject): CacheMark | undefined {
  const mark = asObject(raw['cache_control']);
  const ttl = mark?.['ttl'];
  if (mark?.['type'] !== 'ephemeral' || (ttl !== undefined && ttl !== '5m' && ttl !== '1h')) return undefined;
  return { ttl };
}

/** A cache mark, which only chat bodies of some vendors have: those that came so keep it, others lose it with a note. */
export function cacheControl(
  cache: CacheMark | undefined,
  writer: ChatWriter,
  path: string | undefined,
): JsonObject | undefined {
  if (!cache) return undefined;
  if (writer.isOwn) return { type: 'ephemeral', ...(cache.ttl !== undefined && { ttl: cache.ttl }) };
  writer.note({ path: join(path ?? '', 'cache_control'), message: 'left out: the target has no cache marks' });
  return undefined;
}

export { readCache as decodeCacheControl };

/** Writes a content part. Throws CodecError `unsupported` for what the format cannot hold. */
export function writeContentPart(part: Part, writer: ChatWriter): JsonObject {
  if (part.type === 'opaque' && part.format === 'chat') return part.value;
  return writeNode(partForm(part, writer), part.extra, placeOf(writer, part.path));
}

function partForm(part: Part, writer: ChatWriter): Form {
  const mark = cacheControl(part.cache, writer, part.path);
  const cached = mark && { cache_control: mark };
  switch (part.type) {
    case 'text':
      if (part.citations && part.citations.format !== 'chat')
        writer.note({
          path: join(part.path ?? '', 'citations'),
          message: 'left out: the target has no such citations',
        });
      return { derived: { type: 'text', text: part.text, ...cached } };
    case 'refusal':
      return { derived: { type: 'refusal', refusal: part.text, ...cached } };
    case 'reasoning':
      return { derived: { type: 'thinking', thinking: [{ type: 'text', text: part.text }], ...cached } };
    case 'image': {
      const url = imageUrl(part);
      if (hasToken(part.extra, 'chat', 'url:text'))
        return { derived: { type: 'image_url', image_url: url, ...cached } };
      const detail = part.detail === undefined ? {} : { detail: part.detail };
      return { derived: { type: 'image_url', image_url: { url, ...detail }, ...cached } };
    }
    case 'audio':
      return { derived: { type: 'input_audio', input_audio: { data: part.data, format: part.encoding }, ...cached } };
    case 'document':
      return { derived: { ...documentMembers(part, writer), ...cached } };
    default:
      throw new CodecError(
        'unsupported',
        part.path ?? '',
        `Chat Completions has no content of the kind ${nameOf(part)}`,
      );
  }
}

function nameOf(part: Part): string {
  return part.type === 'opaque' ? part.name : part.type;
}

function imageUrl({ source, path }: Extract<Part, { type: 'image' }>): string {
  if (source.kind === 'base64') return toDataUri(source);
  if (source.kind === 'url') return source.url;
  throw new CodecError('unsupported', path ?? '', 'Chat Completions takes images as data or as a URL');
}

function documentMembers(part: Extract<Part, { type: 'document' }>, writer: ChatWriter): JsonObject {
  const { source, name } = part;
  const path = part.path ?? '';
  const filename = name === undefined ? {} : { filename: name };
  switch (source.kind) {
    case 'base64':
      // The API refuses data without a name.
      return {
        type: 'file',
        file: {
          file_data: toDataUri(source),
          ...(writer.isOwn ? filename : { filename: toFileName(name, source.mediaType) }),
        },
      };
    case 'file':
      if (!writer.isOwn) throw new CodecError('unsupported', path, 'a file of one provider does not exist at another');
      return { type: 'file', file: { file_id: source.id, ...filename } };
    case 'text':
      writer.note({ path, message: 'the document was written as text: Chat Completions has no text documents' });
      return { type: 'text', text: source.text };
    default:
      throw new CodecError(
        'unsupported',
        path,
        'Chat Completions takes documents as data, not as a URL: send the bytes',
      );
  }
}
