// Thoughts on Chat Completions messages: a plain member (`reasoning_content`, `reasoning`) and `reasoning_details` with signatures.
import { isCarrier, toCarrier, toOpaque, valuesFor } from '../../carrier.ts';
import type { AnswerContext } from '../../hub/codec.ts';
import type { ReasoningPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { join } from '../../hub/read.ts';
import { type Form, hasToken, takeResidue, tokensOf, writeNode } from '../../hub/residue.ts';
import { asObject } from '../../usage.ts';
import { type ChatWriter, placeOf } from './content.ts';

/** Members of a message that hold thoughts as one text, by vendor. */
export const reasoningMembers = ['reasoning_content', 'reasoning'] as const;

/** Vendor named for values that come in `reasoning_details` without a carrier: the shape is OpenRouter's. */
export const detailsVendor = 'openrouter';

const textMembers: Readonly<Record<string, string | undefined>> = {
  'reasoning.text': 'text',
  'reasoning.summary': 'summary',
  'reasoning.encrypted': undefined,
};

/** What was read of a message's thoughts. */
interface ReadReasoning {
  readonly parts: ReasoningPart[];
  /** Words for the message's shape: how the members hang together. */
  readonly tokens: string[];
  /** The members that the parts stand for. */
  readonly members: ReadonlySet<string>;
}

/** Reads the thoughts of a message. */
export function decodeReasoning(raw: JsonObject, path: string, writer: ChatWriter): ReadReasoning {
  const details = decodeDetails(raw['reasoning_details'], path, writer);
  const members = new Set<string>();
  const tokens: string[] = [];
  const filled = reasoningMembers.filter((name) => typeof raw[name] === 'string' && raw[name] !== '');
  if (details) {
    members.add('reasoning_details');
    const text = textOf(details);
    for (const name of filled.filter((name) => raw[name] === text)) {
      members.add(name);
      tokens.push(`joined:${name}`);
    }
    return { parts: details, tokens, members };
  }
  const [name] = filled;
  if (name === undefined) return { parts: [], tokens, members };
  members.add(name);
  const extra = { format: 'chat', fields: {}, shape: `member:${name}` } as const;
  return { parts: [{ type: 'reasoning', text: raw[name] as string, extra, path: join(path, name) }], tokens, members };
}

/** The text of all thoughts as one. */
function textOf(parts: readonly ReasoningPart[]): string {
  return parts.map(({ text }) => text).join('');
}

function decodeDetails(list: unknown, path: string, writer: ChatWriter): ReasoningPart[] | undefined {
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const parts = list.map((value, index) => decodeDetail(value, `${path}.reasoning_details[${index}]`, writer));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

/** One entry; undefined for kinds that are not known. */
function decodeDetail(value: unknown, path: string, writer: ChatWriter): ReasoningPart | undefined {
  const raw = asObject(value);
  const type = raw?.['type'];
  if (!raw || typeof type !== 'string' || !Object.hasOwn(textMembers, type)) return undefined;
  const member = textMembers[type];
  const text = member === undefined ? '' : (raw[member] ?? '');
  if (typeof text !== 'string') return undefined;
  const secret = member === undefined ? 'data' : 'signature';
  const signed = raw[secret];
  const part: ReasoningPart = { type: 'reasoning', text, path };
  const tokens = ['detail', type];
  if (typeof signed === 'string' && signed !== '') {
    const opaque = toOpaque(signed, detailsVendor, secret);
    if (opaque && !isCarrier(signed)) {
      const { format, id } = raw;
      const named = { ...(typeof format === 'string' && { format }), ...(typeof id === 'string' && { id }) };
      part.opaque = { ...opaque, values: { ...opaque.values, ...named } };
    } else {
      tokens.push('carrier');
      if (opaque) part.opaque = opaque;
    }
  }
  if (member === undefined) part.isRedacted = true;
  part.extra = { format: 'chat', fields: {}, shape: tokens.join(' ') };
  // A carrier's own text is not compared: it is opened for its vendor and never written as it is.
  const compared = tokens.includes('carrier') ? withoutMember(raw, secret) : raw;
  const extra = takeResidue('chat', compared, detailForm(part, writer), tokens);
  if (extra) part.extra = extra;
  return part;
}

function withoutMember(raw: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(raw).filter(([key]) => key !== name));
}

function detailForm(part: ReasoningPart, writer: ChatWriter): Form {
  const type = tokensOf(part.extra).find((token) => Object.hasOwn(textMembers, token)) ?? defaultType(part);
  const member = textMembers[type];
  const isCarrier = hasToken(part.extra, 'chat', 'carrier');
  const values = isCarrier && writer.vendor === undefined ? {} : (part.opaque?.values ?? {});
  return { derived: { type, ...(member !== undefined && { [member]: part.text }), ...values } };
}

function defaultType(part: ReasoningPart): string {
  return part.isRedacted ? 'reasoning.encrypted' : 'reasoning.text';
}

/** The members of a message to a provider that hold its earlier thoughts. Thoughts of another vendor are dropped with a note. */
export function writeReasoning(
  parts: readonly ReasoningPart[],
  tokens: readonly string[],
  writer: ChatWriter,
): JsonObject {
  const members: Record<string, string> = {};
  const details: JsonObject[] = [];
  for (const part of parts) {
    const place = placeOf(writer, part.path);
    const kept = tokensOf(part.extra).find((token) => token.startsWith('member:'));
    if (kept !== undefined && part.extra?.format === 'chat') {
      const name = kept.slice('member:'.length);
      members[name] = (members[name] ?? '') + part.text;
    } else if (isDetail(part, writer)) {
      details.push(writeNode(detailForm(part, writer), part.extra, place));
    } else if (isSigned(part)) {
      writer.note({ path: place.path, message: 'left out: the thought was signed by another vendor' });
    } else if (writer.dialectal.reasoningMember === undefined) {
      writer.note({ path: place.path, message: 'left out: the provider takes no thoughts back' });
    } else {
      const name = writer.dialectal.reasoningMember;
      members[name] = (members[name] ?? '') + part.text;
    }
  }
  if (details.length === 0) return members;
  const written = parts.filter((part) => isDetail(part, writer));
  for (const token of tokens) if (token.startsWith('joined:')) members[token.slice('joined:'.length)] = textOf(written);
  return { ...members, reasoning_details: details };
}

/** Whether a thought is worth nothing to others than its vendor: an empty carrier only marks who made it. */
function isSigned({ opaque, isRedacted }: ReasoningPart): boolean {
  return isRedacted === true || (opaque !== undefined && Object.keys(opaque.values).length > 0);
}

/** Whether a thought may go out as an entry: its own vendor gets it, and a chat body that is only rebuilt keeps it. */
function isDetail(part: ReasoningPart, writer: ChatWriter): boolean {
  if (hasToken(part.extra, 'chat', 'detail') && !hasToken(part.extra, 'chat', 'carrier')) return true;
  if (writer.vendor === undefined) return hasToken(part.extra, 'chat', 'detail');
  const values = valuesFor(part.opaque, writer.vendor);
  // What the vendor made in another of its formats has no place here.
  return values?.['signature'] !== undefined || values?.['data'] !== undefined;
}

/** The members of an answer's message that hold thoughts; those of another format get a carrier for their signature. */
export function writeAnswerReasoning(
  parts: readonly ReasoningPart[],
  tokens: readonly string[],
  { writer, context }: { readonly writer: ChatWriter; readonly context: AnswerContext },
): JsonObject {
  const own = parts.filter((part) => part.extra?.format === 'chat');
  const foreign = parts.filter((part) => part.extra?.format !== 'chat');
  const members = writeReasoning(own, tokens, writer);
  if (foreign.length === 0) return members;
  const text = textOf(foreign);
  return {
    ...(text !== '' && { reasoning_content: text }),
    ...members,
    reasoning_details: foreign.map((part, index) => carriedDetail(part, index, context)),
  };
}

/** An entry of `reasoning_details` for a thought of another format. */
export function carriedDetail(part: ReasoningPart, index: number, context: AnswerContext): JsonObject {
  const carrier = toCarrier(part.opaque, context);
  if (part.isRedacted) return { type: 'reasoning.encrypted', data: carrier, index };
  return { type: 'reasoning.text', text: part.text, signature: carrier, index };
}
