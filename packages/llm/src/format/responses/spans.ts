// Where text stands in OpenAI Responses answers; the closing events repeat what deltas told, and are spans too.
import type { Span } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { toSpan } from '../chat/spans.ts';

type Holder = Record<string, unknown>;
type Channel = Span['channel'];

const deltaChannels: Readonly<Record<string, Channel>> = {
  'response.output_text': 'text',
  'response.refusal': 'refusal',
  'response.function_call_arguments': 'toolArguments',
  'response.custom_tool_call_input': 'toolArguments',
  'response.reasoning_text': 'reasoning',
  'response.reasoning_summary_text': 'reasoning',
};

const partChannels: Readonly<Record<string, Channel>> = {
  output_text: 'text',
  refusal: 'refusal',
  reasoning_text: 'reasoning',
  summary_text: 'reasoning',
};

/** Fields of `.done` events that repeat a block whole. */
const doneFields = ['text', 'arguments', 'refusal', 'input'];

/** Text of a buffered answer. */
export function responsesBodySpans(body: unknown): Span[] {
  return outputSpans((body as Holder | undefined)?.['output'], 'whole');
}

/** Text of one event. */
export function responsesFrameSpans(frame: Frame): Span[] {
  const event = frame.json() as Holder | undefined;
  if (!event) return [];
  const type = String(event['type']);
  const item = typeof event['output_index'] === 'number' ? event['output_index'] : 0;
  const channel = deltaChannels[type.slice(0, type.lastIndexOf('.'))];
  if (channel && type.endsWith('.delta') && typeof event['delta'] === 'string')
    return [toSpan(event, 'delta', { channel, choice: 0, block: item, form: 'delta' })];
  if (channel && type.endsWith('.done')) {
    const field = doneFields.find((name) => typeof event[name] === 'string');
    return field === undefined ? [] : [toSpan(event, field, { channel, choice: 0, block: item, form: 'repeat' })];
  }
  if (event['part']) return partSpans(event['part'], { block: item, form: 'repeat' });
  if (event['item']) return itemSpans(event['item'], { block: item, form: 'repeat' });
  return outputSpans((event['response'] as Holder | undefined)?.['output'], 'repeat');
}

interface Place {
  readonly block: number;
  readonly form: Span['form'];
}

function outputSpans(output: unknown, form: Span['form']): Span[] {
  return Array.isArray(output) ? output.flatMap((item, block) => itemSpans(item, { block, form })) : [];
}

function itemSpans(value: unknown, place: Place): Span[] {
  if (typeof value !== 'object' || value === null) return [];
  const item = value as Holder;
  const spans: Span[] = [];
  for (const field of ['arguments', 'input']) {
    if (typeof item[field] === 'string')
      spans.push(toSpan(item, field, { ...place, channel: 'toolArguments', choice: 0 }));
  }
  for (const list of [item['content'], item['summary']]) {
    if (Array.isArray(list)) spans.push(...list.flatMap((part: unknown) => partSpans(part, place)));
  }
  return spans;
}

function partSpans(value: unknown, place: Place): Span[] {
  if (typeof value !== 'object' || value === null) return [];
  const part = value as Holder;
  const channel = partChannels[String(part['type'])];
  const field = channel === 'refusal' ? 'refusal' : 'text';
  return channel && typeof part[field] === 'string' ? [toSpan(part, field, { ...place, channel, choice: 0 })] : [];
}
