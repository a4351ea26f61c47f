// Where text stands in Chat Completions answers.
import type { Span } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';

type Holder = Record<string, unknown>;

const channels = {
  content: 'text',
  reasoning_content: 'reasoning',
  reasoning: 'reasoning',
  refusal: 'refusal',
} as const;

/** Text of a buffered answer. */
export function chatBodySpans(body: unknown): Span[] {
  return spansOf(body, 'message', 'whole');
}

/** Text of one chunk. */
export function chatFrameSpans(frame: Frame): Span[] {
  return spansOf(frame.json(), 'delta', 'delta');
}

function spansOf(body: unknown, member: 'message' | 'delta', form: Span['form']): Span[] {
  const choices = (body as { choices?: unknown } | undefined)?.choices;
  if (!Array.isArray(choices)) return [];
  return (choices as Holder[]).flatMap((choice, position) => {
    const holder = choice[member] as Holder | undefined | null;
    if (!holder) return [];
    const place = { choice: typeof choice['index'] === 'number' ? choice['index'] : position, form };
    const spans: Span[] = [];
    for (const [field, channel] of Object.entries(channels)) {
      if (typeof holder[field] === 'string') spans.push(toSpan(holder, field, { ...place, channel, block: 0 }));
    }
    const calls = Array.isArray(holder['tool_calls']) ? (holder['tool_calls'] as Holder[]) : [];
    calls.forEach((call, index) => {
      const inner = call['function'] as Holder | undefined;
      const block = typeof call['index'] === 'number' ? call['index'] : index;
      if (typeof inner?.['arguments'] === 'string')
        spans.push(toSpan(inner, 'arguments', { ...place, channel: 'toolArguments', block }));
    });
    return spans;
  });
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
