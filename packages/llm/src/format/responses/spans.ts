// Where text stands in OpenAI Responses answers; the closing events repeat what deltas told, and are spans too.
import type { Span } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { asObject } from '../../usage.ts';
import { listOf, toSpan } from '../chat/spans.ts';

type Holder = Record<string, unknown>;
type Channel = Span['channel'];

/** What the events of a kind tell: the channel, the list or member of their item, and the field of `.done` that repeats it. */
const kinds: Readonly<Record<string, readonly [channel: Channel, place: string, doneField: string]>> = {
  'response.output_text': ['text', 'content', 'text'],
  'response.refusal': ['refusal', 'content', 'refusal'],
  'response.reasoning_text': ['reasoning', 'content', 'text'],
  'response.reasoning_summary_text': ['reasoning', 'summary', 'text'],
  'response.function_call_arguments': ['toolArguments', 'arguments', 'arguments'],
  'response.mcp_call_arguments': ['toolArguments', 'arguments', 'arguments'],
  'response.custom_tool_call_input': ['toolArguments', 'input', 'input'],
  'response.code_interpreter_call_code': ['toolArguments', 'code', 'code'],
};

const partChannels: Readonly<Record<string, Channel>> = {
  output_text: 'text',
  refusal: 'refusal',
  reasoning_text: 'reasoning',
  summary_text: 'reasoning',
};

/** Members of items that hold what a tool is called with. */
const argumentFields = ['arguments', 'input', 'code'];

/** Text of a buffered answer. */
export function responsesBodySpans(body: unknown): Span[] {
  return outputSpans(asObject(body)?.['output'], 'whole');
}

/** Text of one event. */
export function responsesFrameSpans(frame: Frame): Span[] {
  const event = asObject(frame.json());
  if (!event) return [];
  const type = String(event['type']);
  const block = toIndex(event['output_index']);
  const kind = kinds[type.slice(0, type.lastIndexOf('.'))];
  if (kind) {
    const [channel, place, doneField] = kind;
    const isDelta = type.endsWith('.delta');
    const field = isDelta ? 'delta' : doneField;
    if (typeof event[field] !== 'string') return [];
    const part = partOf(event, place);
    return [toSpan(event, field, { channel, choice: 0, block, part, form: isDelta ? 'delta' : 'repeat' })];
  }
  if (event['part'] !== undefined) {
    const list = event['summary_index'] === undefined ? 'content' : 'summary';
    return partSpans(event['part'], { block, part: partOf(event, list), form: 'repeat' });
  }
  if (event['item'] !== undefined) return itemSpans(event['item'], block, 'repeat');
  return outputSpans(asObject(event['response'])?.['output'], 'repeat');
}

function partOf(event: Holder, place: string): string {
  if (place === 'content') return `content.${toIndex(event['content_index'])}`;
  return place === 'summary' ? `summary.${toIndex(event['summary_index'])}` : place;
}

function toIndex(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function outputSpans(output: unknown, form: Span['form']): Span[] {
  return Array.isArray(output) ? output.flatMap((item, block) => itemSpans(item, block, form)) : [];
}

function itemSpans(value: unknown, block: number, form: Span['form']): Span[] {
  const item = asObject(value);
  if (!item) return [];
  const spans: Span[] = [];
  for (const field of argumentFields) {
    if (typeof item[field] === 'string')
      spans.push(toSpan(item, field, { channel: 'toolArguments', choice: 0, block, part: field, form }));
  }
  for (const list of ['content', 'summary']) {
    const parts = listOf(item[list]);
    spans.push(...parts.flatMap((part, index) => partSpans(part, { block, part: `${list}.${index}`, form })));
  }
  return spans;
}

function partSpans(value: unknown, place: Pick<Span, 'block' | 'part' | 'form'>): Span[] {
  const part = asObject(value);
  if (!part) return [];
  const channel = partChannels[String(part['type'])];
  const field = channel === 'refusal' ? 'refusal' : 'text';
  return channel && typeof part[field] === 'string' ? [toSpan(part, field, { ...place, channel, choice: 0 })] : [];
}
