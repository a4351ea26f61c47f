// Content parts of Responses messages and tool outputs, both ways.
import { toAnnotation } from '../../hub/citation.ts';
import type { DocumentPart, ImagePart, MediaSource, Part, TextPart } from '../../hub/content.ts';
import { CodecError, type JsonObject, type TakeNote } from '../../hub/extra.ts';
import { fromDataUri, toDataUri, toFileName } from '../../hub/media.ts';
import { join, readArray, readMember, requireString, toObject } from '../../hub/read.ts';
import { type Form, type Place, takeResidue, writeNode } from '../../hub/residue.ts';

/** Who writes a Responses body, for whom. */
export interface ResponsesWriter {
  /** The source is a Responses body too. */
  readonly isOwn: boolean;
  /** Vendor whose opaque values may be sent; undefined while a body is only compared with itself. */
  readonly vendor: string | undefined;
  readonly note: TakeNote;
}

/** The writer a body is compared with: one that changes nothing. */
export const selfWriter: ResponsesWriter = { isOwn: true, vendor: undefined, note: () => undefined };

/** The place of a node of a Responses body. */
export function placeOf(writer: ResponsesWriter, path: string | undefined): Place {
  return { format: 'responses', path: path ?? '', note: writer.note };
}

/** Content as it was read, and the words that tell how it was written. */
interface ReadContent {
  readonly parts: Part[];
  readonly tokens: string[];
}

/** Text or parts: a string is one text, an empty one none. */
export function decodeContent(raw: JsonObject, member: string, path: string): ReadContent {
  const value = raw[member];
  const at = join(path, member);
  if (typeof value === 'string')
    return { parts: value === '' ? [] : [{ type: 'text', text: value, path: at }], tokens: [] };
  const list = readArray(raw, member, path) ?? [];
  if (list.length === 0) return { parts: [], tokens: [] };
  return { parts: list.map((part, index) => decodePart(part, `${at}[${index}]`)), tokens: ['content:list'] };
}

/** A content part of any message. Throws CodecError `invalid`. */
function decodePart(value: unknown, path: string): Part {
  const raw = toObject(value, path);
  const part = readPart(raw, path);
  if (part.type === 'opaque') return part;
  const extra = takeResidue('responses', raw, partForm(part, selfWriter));
  if (extra) part.extra = extra;
  return part;
}

function readPart(raw: JsonObject, path: string): Part {
  const type = requireString(raw, 'type', path);
  switch (type) {
    case 'input_text':
    case 'output_text':
    case 'text': {
      const annotations = readArray(raw, 'annotations', path) ?? [];
      const text: TextPart = { type: 'text', text: requireString(raw, 'text', path), path };
      if (annotations.length > 0) text.citations = { format: 'responses', values: annotations };
      return text;
    }
    case 'refusal':
      return { type: 'refusal', text: requireString(raw, 'refusal', path), path };
    case 'input_image': {
      const source = readSource(raw, 'image_url', path);
      const detail = readMember(raw, 'detail', 'string', path);
      return source
        ? { type: 'image', source, ...(detail !== undefined && { detail }), path }
        : { type: 'opaque', format: 'responses', name: type, value: raw, path };
    }
    case 'input_file': {
      const source = readSource(raw, 'file_data', path);
      const name = readMember(raw, 'filename', 'string', path);
      return source
        ? { type: 'document', source, ...(name !== undefined && { name }), path }
        : { type: 'opaque', format: 'responses', name: type, value: raw, path };
    }
    default:
      return { type: 'opaque', format: 'responses', name: type, value: raw, path };
  }
}

function readSource(raw: JsonObject, data: 'image_url' | 'file_data', path: string): MediaSource | undefined {
  const id = readMember(raw, 'file_id', 'string', path);
  const text = readMember(raw, data, 'string', path);
  if (text !== undefined) {
    const source = fromDataUri(text);
    if (source) return source;
    return data === 'image_url' ? { kind: 'url', url: text } : undefined;
  }
  const url = data === 'file_data' ? readMember(raw, 'file_url', 'string', path) : undefined;
  if (url !== undefined) return { kind: 'url', url };
  return id === undefined ? undefined : { kind: 'file', id };
}

/** Writes a part of a message that the client wrote. Throws CodecError `unsupported`. */
export function writePart(part: Part, writer: ResponsesWriter): JsonObject {
  if (part.type === 'opaque' && part.format === 'responses') return part.value;
  noteCache(part, writer);
  return writeNode(partForm(part, writer), part.extra, placeOf(writer, part.path));
}

/** Responses has no cache marks: they are never moved, only noted. */
export function noteCache({ cache, path }: Pick<Part, 'cache' | 'path'>, writer: ResponsesWriter): void {
  if (cache)
    writer.note({ path: join(path ?? '', 'cache_control'), message: 'left out: the target has no cache marks' });
}

function partForm(part: Part, writer: ResponsesWriter): Form {
  switch (part.type) {
    case 'text':
      return { derived: { text: part.text, ...annotationsOf(part, writer) }, defaults: { type: 'input_text' } };
    case 'refusal':
      return { derived: { type: 'refusal', refusal: part.text } };
    case 'image':
      return imageForm(part, writer);
    case 'document':
      return documentForm(part, writer);
    default: {
      const name = part.type === 'opaque' ? part.name : part.type;
      throw new CodecError('unsupported', part.path ?? '', `a Responses message has no content of the kind ${name}`);
    }
  }
}

/** `annotations`, where there are some of this format. */
export function annotationsOf({ citations, path }: TextPart, writer: ResponsesWriter): JsonObject {
  if (!citations) return {};
  const { format, values } = citations;
  const annotations = values.map((value) => toAnnotation(value, { from: format, to: 'responses' }));
  const known = annotations.filter((annotation) => annotation !== undefined);
  if (known.length < values.length)
    writer.note({ path: join(path ?? '', 'citations'), message: 'left out: the target has no such citations' });
  return known.length === 0 ? {} : { annotations: known };
}

function imageForm({ source, detail, path }: ImagePart, writer: ResponsesWriter): Form {
  const defaults = writer.isOwn ? {} : { detail: 'auto' };
  const given = detail === undefined ? {} : { detail };
  switch (source.kind) {
    case 'base64':
      return { derived: { type: 'input_image', image_url: toDataUri(source), ...given }, defaults };
    case 'url':
      return { derived: { type: 'input_image', image_url: source.url, ...given }, defaults };
    case 'file':
      return { derived: { type: 'input_image', file_id: ownFile(source.id, path, writer), ...given }, defaults };
    default:
      throw new CodecError('unsupported', path ?? '', 'an image cannot be given as text');
  }
}

function documentForm({ source, name, path }: DocumentPart, writer: ResponsesWriter): Form {
  const filename = name === undefined ? {} : { filename: name };
  switch (source.kind) {
    case 'base64': {
      const named = writer.isOwn ? filename : { filename: toFileName(name, source.mediaType) };
      return { derived: { type: 'input_file', file_data: toDataUri(source), ...named } };
    }
    case 'url':
      return { derived: { type: 'input_file', file_url: source.url, ...(writer.isOwn && filename) } };
    case 'file':
      return { derived: { type: 'input_file', file_id: ownFile(source.id, path, writer), ...filename } };
    default:
      writer.note({ path: path ?? '', message: 'the document was written as text: Responses has no text documents' });
      return { derived: { type: 'input_text', text: source.text } };
  }
}

function ownFile(id: string, path: string | undefined, { isOwn }: ResponsesWriter): string {
  if (isOwn) return id;
  throw new CodecError('unsupported', path ?? '', 'a file of one provider does not exist at another');
}

/** Text or parts: one plain text is a string. */
export function contentOf(parts: readonly Part[], isList: boolean, writer: ResponsesWriter): unknown {
  const [first] = parts;
  const written = parts.map((part) => writePart(part, writer));
  return !isList && parts.length === 1 && first?.type === 'text' ? first.text : written;
}
