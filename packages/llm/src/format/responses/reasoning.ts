// Reasoning items of Responses, both ways.
import { isCarrier, toCarrier, toOpaque, valuesFor } from '../../carrier.ts';
import type { ReasoningPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { readMember } from '../../hub/read.ts';
import { type Form, hasToken, takeResidue, writeNode } from '../../hub/residue.ts';
import { asObject } from '../../usage.ts';
import { type ResponsesWriter, placeOf, selfWriter } from './content.ts';

/** Vendor named for encrypted thoughts that come without a carrier. */
export const nativeVendor = 'openai';

/** What stands between the paragraphs of a summary where they become one text. */
export const paragraphBreak = '\n\n';

/** A reasoning item. */
export function decodeReasoning(raw: JsonObject, path: string): ReasoningPart {
  const summaries = textsOf(raw['summary'], 'summary_text');
  const contents = textsOf(raw['content'], 'reasoning_text');
  const text = contents && contents.length > 0 ? contents.join('') : (summaries ?? []).join(paragraphBreak);
  const part: ReasoningPart = { type: 'reasoning', text, path };
  const tokens: string[] = [];
  if (contents?.length === 1) tokens.push('content');
  else if (contents && contents.length > 1) tokens.push('content:raw');
  if (Array.isArray(raw['summary']) && !summaries) tokens.push('summary:raw');
  const isSummaryApart = contents && contents.length > 0 ? (summaries?.length ?? 0) > 0 : (summaries?.length ?? 0) > 1;
  if (summaries && isSummaryApart) part.summaries = summaries;
  const encrypted = raw['encrypted_content'];
  const id = readMember(raw, 'id', 'string', path);
  if (typeof encrypted === 'string' && encrypted !== '') {
    const opaque = toOpaque(encrypted, nativeVendor, 'encrypted_content');
    if (isCarrier(encrypted)) tokens.push('carrier');
    if (opaque)
      part.opaque = isCarrier(encrypted) || id === undefined ? opaque : { ...opaque, values: { id, ...opaque.values } };
    if (text === '') part.isRedacted = true;
  }
  if (tokens.length > 0) part.extra = { format: 'responses', fields: {}, shape: tokens.join(' ') };
  // A carrier is opened for its vendor and never written as it is.
  const { encrypted_content: _carrier, ...rest } = raw;
  const extra = takeResidue(
    'responses',
    tokens.includes('carrier') ? rest : raw,
    reasoningForm(part, selfWriter),
    tokens,
  );
  if (extra) part.extra = extra;
  return part;
}

/** The texts of a list whose entries say nothing else; undefined where they do. */
function textsOf(list: unknown, type: string): string[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const texts = list.map((entry) => {
    const { type: found, text, ...rest } = asObject(entry) ?? {};
    return found === type && Object.keys(rest).length === 0 ? text : undefined;
  });
  return texts.every((text) => typeof text === 'string') ? texts : undefined;
}

/** Writes an earlier thought for a provider; undefined, with a note, where the provider could not verify it. */
export function writeReasoning(part: ReasoningPart, writer: ResponsesWriter, count: number): JsonObject | undefined {
  const place = placeOf(writer, part.path);
  const isNative = writer.isOwn && !hasToken(part.extra, 'responses', 'carrier');
  const values = writer.vendor === undefined ? part.opaque?.values : valuesFor(part.opaque, writer.vendor);
  if (!isNative && values?.['encrypted_content'] === undefined) {
    writer.note({
      path: place.path,
      message: 'left out: only thoughts that the target itself encrypted can be given back to it',
    });
    return undefined;
  }
  const form = reasoningForm(part, writer);
  const defaults = isNative ? {} : { id: `rs_${count}` };
  const extra = isNative || part.extra?.format !== 'responses' ? part.extra : { ...part.extra, fields: {} };
  return writeNode({ ...form, defaults }, extra, place);
}

/** The members of a reasoning item. */
function reasoningForm(part: ReasoningPart, writer: ResponsesWriter): Form {
  const { text, summaries, opaque } = part;
  const isContent = hasToken(part.extra, 'responses', 'content');
  const isCompared = writer.vendor === undefined && hasToken(part.extra, 'responses', 'carrier');
  const values = isCompared ? {} : (opaque?.values ?? {});
  const isApart = isContent || hasToken(part.extra, 'responses', 'content:raw');
  const summary = isApart ? (summaries ?? []) : paragraphsOf(text, summaries);
  const isRaw = hasToken(part.extra, 'responses', 'summary:raw');
  return {
    derived: {
      type: 'reasoning',
      ...(!isRaw && { summary: summary.map((each) => ({ type: 'summary_text', text: each })) }),
      ...(isContent && { content: [{ type: 'reasoning_text', text }] }),
      ...values,
    },
  };
}

/** A summary's paragraphs: the ones that came, as long as they still make up the text. */
function paragraphsOf(text: string, summaries: readonly string[] | undefined): readonly string[] {
  if (summaries && summaries.join(paragraphBreak) === text) return summaries;
  return text === '' ? [] : [text];
}

/** A thought of another format as an item of an answer: its signature travels as the encrypted content. */
export function carriedReasoning(
  part: ReasoningPart,
  id: string,
  maker: { readonly vendor: string; readonly upstreamModel: string },
): JsonObject {
  const summary = part.isRedacted || part.text === '' ? [] : [{ type: 'summary_text', text: part.text }];
  return { id, type: 'reasoning', summary, encrypted_content: toCarrier(part.opaque, maker) };
}
