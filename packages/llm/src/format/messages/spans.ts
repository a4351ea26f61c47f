// Where text stands in Anthropic Messages answers.
import type { Span } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { asObject } from '../../usage.ts';
import { listOf, toSpan } from '../chat/spans.ts';

type Holder = Record<string, unknown>;
type Place = Pick<Span, 'choice' | 'block' | 'form'>;

const fields = { text: 'text', thinking: 'reasoning', partial_json: 'toolArguments' } as const;

/** Text of a buffered answer; a tool's input is an object and is given as JSON, which must be written back as JSON. */
export function messagesBodySpans(body: unknown): Span[] {
  return listOf(asObject(body)?.['content']).flatMap((block, index) => {
    const place = { choice: 0, block: index, form: 'whole' as const };
    return String(block['type']).endsWith('tool_use') ? [inputSpan(block, place)] : stringSpans(block, place);
  });
}

/** Text of one event. */
export function messagesFrameSpans(frame: Frame): Span[] {
  const event = asObject(frame.json());
  const block = typeof event?.['index'] === 'number' ? event['index'] : 0;
  const holder = asObject(event?.['delta']) ?? asObject(event?.['content_block']);
  return holder ? stringSpans(holder, { choice: 0, block, form: 'delta' }) : [];
}

function stringSpans(holder: Holder, place: Place): Span[] {
  return Object.entries(fields)
    .filter(([field]) => typeof holder[field] === 'string')
    .map(([field, channel]) => toSpan(holder, field, { ...place, channel, part: field }));
}

function inputSpan(block: Holder, place: Place): Span {
  return {
    ...place,
    channel: 'toolArguments',
    part: 'input',
    get text() {
      return JSON.stringify(block['input'] ?? {});
    },
    replace(text) {
      block['input'] = JSON.parse(text) as unknown;
    },
  };
}
