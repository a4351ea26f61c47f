// Where text stands in Anthropic Messages answers.
import type { Span } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { toSpan } from '../chat/spans.ts';

type Holder = Record<string, unknown>;

const fields = { text: 'text', thinking: 'reasoning', partial_json: 'toolArguments' } as const;

/** Text of a buffered answer; a tool's input is an object and is given as JSON. */
export function messagesBodySpans(body: unknown): Span[] {
  const content = (body as { content?: unknown } | undefined)?.content;
  if (!Array.isArray(content)) return [];
  return (content as Holder[]).flatMap((block, index) => {
    const place = { choice: 0, block: index, form: 'whole' as const };
    if (block['type'] === 'tool_use') return [inputSpan(block, place)];
    return stringSpans(block, place);
  });
}

/** Text of one event. */
export function messagesFrameSpans(frame: Frame): Span[] {
  const event = frame.json() as Holder | undefined;
  const block = typeof event?.['index'] === 'number' ? event['index'] : 0;
  const holder = event?.['delta'] ?? event?.['content_block'];
  if (typeof holder !== 'object' || holder === null) return [];
  return stringSpans(holder as Holder, { choice: 0, block, form: 'delta' });
}

function stringSpans(holder: Holder, place: Pick<Span, 'choice' | 'block' | 'form'>): Span[] {
  return Object.entries(fields)
    .filter(([field]) => typeof holder[field] === 'string')
    .map(([field, channel]) => toSpan(holder, field, { ...place, channel }));
}

function inputSpan(block: Holder, place: Pick<Span, 'choice' | 'block' | 'form'>): Span {
  return {
    ...place,
    channel: 'toolArguments',
    get text() {
      return JSON.stringify(block['input'] ?? {});
    },
    replace(text) {
      block['input'] = JSON.parse(text) as unknown;
    },
  };
}
