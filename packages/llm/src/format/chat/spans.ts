// Where text stands in Chat Completions answers, in the dialects of all vendors.
import type { Span } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { asObject } from '../../usage.ts';

type Holder = Record<string, unknown>;
type Place = Omit<Span, 'text' | 'replace' | 'part'>;

/** Members of a message or delta that hold one text. */
const channels = {
  content: 'text',
  reasoning_content: 'reasoning',
  reasoning: 'reasoning',
  refusal: 'refusal',
} as const;

/** Members of the entries of a list that hold one text: content parts, thoughts within them, and reasoning details. */
const entryChannels = { text: undefined, thinking: 'reasoning', summary: 'reasoning', refusal: 'refusal' } as const;

/** Text of a buffered answer. */
export function chatBodySpans(body: unknown): Span[] {
  return spansOf(body, 'message', 'whole');
}

/** Text of one chunk. */
export function chatFrameSpans(frame: Frame): Span[] {
  return spansOf(frame.json(), 'delta', 'delta');
}

function spansOf(body: unknown, member: 'message' | 'delta', form: Span['form']): Span[] {
  return listOf(asObject(body)?.['choices']).flatMap((choice, position) => {
    const holder = asObject(choice[member]);
    if (!holder) return [];
    const index = typeof choice['index'] === 'number' ? choice['index'] : position;
    return [...messageSpans(holder, { choice: index, block: 0, form }), ...callSpans(holder, index, form)];
  });
}

function messageSpans(holder: Holder, place: Omit<Place, 'channel'>): Span[] {
  const spans: Span[] = [];
  for (const [field, channel] of Object.entries(channels)) {
    if (typeof holder[field] === 'string') spans.push(toSpan(holder, field, { ...place, channel, part: field }));
  }
  spans.push(...entrySpans(holder['content'], { ...place, channel: 'text' }, 'content'));
  spans.push(...entrySpans(holder['reasoning_details'], { ...place, channel: 'reasoning' }, 'reasoning_details'));
  const audio = asObject(holder['audio']);
  if (typeof audio?.['transcript'] === 'string')
    spans.push(toSpan(audio, 'transcript', { ...place, channel: 'text', part: 'audio' }));
  return spans;
}

/** Texts in a list of typed entries; one may hold such a list itself, as Mistral's thoughts do. */
function entrySpans(list: unknown, place: Place, part: string): Span[] {
  return listOf(list).flatMap((entry, position) => {
    const index = typeof entry['index'] === 'number' ? entry['index'] : position;
    const here = `${part}.${index}`;
    return Object.entries(entryChannels).flatMap(([field, own]) => {
      const there = { ...place, channel: own ?? place.channel };
      if (typeof entry[field] === 'string') return [toSpan(entry, field, { ...there, part: here })];
      return field === 'thinking' ? entrySpans(entry[field], there, here) : [];
    });
  });
}

function callSpans(holder: Holder, choice: number, form: Span['form']): Span[] {
  const place = { choice, form, channel: 'toolArguments' } as const;
  const calls = listOf(holder['tool_calls']).flatMap((call, position) => {
    const block = typeof call['index'] === 'number' ? call['index'] : position;
    return [
      ...textSpan(call['function'], 'arguments', { ...place, block }),
      ...textSpan(call['custom'], 'input', { ...place, block }),
    ];
  });
  return [...calls, ...textSpan(holder['function_call'], 'arguments', { ...place, block: 0 })];
}

function textSpan(value: unknown, field: string, place: Place): Span[] {
  const holder = asObject(value);
  return typeof holder?.[field] === 'string' ? [toSpan(holder, field, { ...place, part: field })] : [];
}

/** The objects of a list; none for anything else. */
export function listOf(value: unknown): Holder[] {
  return Array.isArray(value) ? value.filter((entry): entry is Holder => asObject(entry) !== undefined) : [];
}

/** A span over one string member of an object. */
export function toSpan(holder: Holder, field: string, place: Omit<Span, 'text' | 'replace'>): Span {
  return {
    ...place,
    get text() {
      return holder[field] as string;
    },
    replace(text) {
      holder[field] = text;
    },
  };
}
