// Recorded Chat Completions and Responses exchanges survive decode → encode of their own format, and every leaf of the hub matters.
import { isDeepStrictEqual } from 'node:util';
import { chatCodec } from '@agentgateway/llm/format/chat/codec.ts';
import { responsesCodec } from '@agentgateway/llm/format/responses/codec.ts';
import { type AnswerContext, type Dialectal, type FormatCodec, plainDialect } from '@agentgateway/llm/hub/codec.ts';
import type { JsonObject } from '@agentgateway/llm/hub/extra.ts';
import type { HubRequest } from '@agentgateway/llm/hub/request.ts';
import type { HubEvent } from '@agentgateway/llm/hub/response.ts';
import type { Frame } from '@agentgateway/llm/stream/sse.ts';
import { SseSplitter } from '@agentgateway/llm/stream/sse.ts';
import { describe, expect, test } from 'vitest';
import { type Recording, hasRecordingsOrSkips, loadRecordings } from '../recordings/recordings.ts';

const hasThem = hasRecordingsOrSkips('recorded OpenAI exchanges through their own codecs');
const recordings = hasThem ? loadRecordings() : [];
const clock = { nowSeconds: 1_700_000_000, id: 'f00d' };
const codecs: Readonly<Record<string, FormatCodec>> = { chat: chatCodec, responses: responsesCodec };

/** A dialect under which nothing about a body of the same format changes. */
const dialectal: Dialectal = { ...plainDialect };

function requestContext(model: string): Parameters<FormatCodec['encodeRequest']>[1] {
  const maxTokensDefault = { tokens: 4096, source: 'test' };
  return { vendor: 'openai', model, maxTokensDefault, dialectal, note: () => undefined };
}

function answerContext(request: HubRequest): AnswerContext {
  return { vendor: 'openai', upstreamModel: 'm', request, clock, note: () => undefined };
}

function jsonOf(body: Recording['request']['body']): JsonObject | undefined {
  return body.kind === 'json' ? (body.value as JsonObject) : undefined;
}

function rebuilt(codec: FormatCodec, body: JsonObject): JsonObject {
  const hub = structuredClone(codec.decodeRequest(structuredClone(body)));
  return codec.encodeRequest(hub, requestContext(hub.model));
}

/** Usage is always asked for, whatever the client asked. */
function expectedRequest(format: string, body: JsonObject): JsonObject {
  if (format !== 'chat' || body['stream'] !== true) return body;
  return { ...body, stream_options: { ...(body['stream_options'] as JsonObject | undefined), include_usage: true } };
}

function framesOf(text: string): Frame[] {
  const splitter = new SseSplitter();
  return [...splitter.push(Buffer.from(text)), ...splitter.end()];
}

function decoded(codec: FormatCodec, text: string): HubEvent[] {
  const decoder = codec.decodeStream();
  return [...framesOf(text).flatMap((frame) => decoder.push(frame)), ...decoder.end()];
}

function encoded(codec: FormatCodec, events: readonly HubEvent[], request: HubRequest): string {
  const encoder = codec.encodeStream(answerContext(request));
  return Buffer.concat(events.flatMap((event) => encoder.push(structuredClone(event)))).toString();
}

/** What an event says, comments left out; negative zeros are zeros, as JSON.stringify has them. */
function said(text: string): unknown {
  const events = framesOf(text).filter((frame) => frame.data !== undefined);
  return JSON.parse(JSON.stringify(events.map((frame) => [frame.event ?? null, frame.json() ?? frame.data])));
}

describe.runIf(hasThem).each(['chat', 'responses'])('%s', (format) => {
  const codec = codecs[format]!;
  const own = recordings.filter((recording) => recording.format === format);

  test('there are recordings', () => {
    expect(own.length).toBeGreaterThan(150);
  });

  const asked = own.flatMap((each) => {
    const body = jsonOf(each.request.body);
    return body ? [[each.name, body] as const] : [];
  });
  test.each(asked)('request %s', (_name, body) => {
    expect(rebuilt(codec, body)).toEqual(expectedRequest(format, body));
  });

  const whole = own.filter(({ response }) => response.body.kind === 'json' && response.status < 300);
  test.each(whole.map((each) => [each.name, each] as const))('answer %s', (_name, { request, response }) => {
    const body = jsonOf(response.body)!;
    const hub = structuredClone(codec.decodeResponse(structuredClone(body)));
    expect(codec.encodeResponse(hub, answerContext(codec.decodeRequest(jsonOf(request.body)!)))).toEqual(body);
  });

  const streams = own.filter(({ response }) => response.body.kind === 'text' && response.status < 300);
  test('there are streams', () => {
    expect(streams.length).toBeGreaterThan(14);
  });
  test.each(streams.map((each) => [each.name, each] as const))('stream %s', (_name, { request, response }) => {
    const text = response.body.kind === 'text' ? response.body.text : '';
    const hub = { ...codec.decodeRequest(jsonOf(request.body)!), includeUsage: true };
    expect(said(encoded(codec, decoded(codec, text), hub))).toEqual(said(text));
  });

  const refusals = own.filter(({ response }) => response.body.kind === 'json' && response.status >= 400);
  test.each(refusals.map((each) => [each.name, each] as const))('refusal %s', (_name, { response }) => {
    const failure = codec.decodeFailure(jsonOf(response.body), response.status);
    expect(failure).toMatchObject({ status: response.status, message: expect.stringMatching(/\S/) as string });
  });

  test('every leaf of a request changes the body', () => {
    for (const { request, name } of own) {
      const body = jsonOf(request.body);
      if (!body) continue;
      const hub = structuredClone(codec.decodeRequest(body));
      const before = codec.encodeRequest(hub, requestContext(hub.model));
      for (const changed of mutations(hub)) {
        const value = changed.value as HubRequest;
        let after: unknown;
        try {
          after = codec.encodeRequest(value, requestContext(value.model));
        } catch {
          continue;
        }
        expect(isDeepStrictEqual(after, before), `${name}: ${changed.path} does not matter`).toBe(false);
      }
    }
  });

  test('every leaf of an answer changes the body', () => {
    for (const { response, request, name } of whole) {
      const hub = structuredClone(codec.decodeResponse(jsonOf(response.body)!));
      const context = answerContext(codec.decodeRequest(jsonOf(request.body)!));
      const before = codec.encodeResponse(hub, context);
      for (const changed of mutations(hub)) {
        let after: unknown;
        try {
          after = codec.encodeResponse(changed.value as typeof hub, context);
        } catch {
          continue;
        }
        expect(isDeepStrictEqual(after, before), `${name}: ${changed.path} does not matter`).toBe(false);
      }
    }
  });

  test('every leaf of a stream changes what is written', () => {
    for (const { response, name } of streams) {
      const events = structuredClone(decoded(codec, response.body.kind === 'text' ? response.body.text : ''));
      const request = { model: 'm', turns: [], stream: true, includeUsage: true };
      const before = encoded(codec, events, request);
      // One of each kind of event and path is enough: streams repeat themselves.
      const seen = new Set<string>();
      const isNew = (path: string): boolean => {
        const index = Number(/^\[(\d+)\]/.exec(path)?.[1]);
        const kind = `${events[index]!.type}${path.replaceAll(/\[\d+\]/g, '[]')}`;
        if (seen.has(kind) || /^(partEnd|partStart.*\.(text|arguments)$)|\.(choice|part)$/.test(kind)) return false;
        seen.add(kind);
        return true;
      };
      for (const changed of mutations(events, isNew)) {
        const after = encoded(codec, changed.value as HubEvent[], request);
        expect(after === before, `${name}: ${changed.path} does not matter`).toBe(false);
      }
    }
  });
});

/** Leaves that are there for notes and for other formats: no body of the same format says them. */
const silent =
  /(^|\.)(path|shape|isRedacted|includeUsage|format|source|vendor|usage\.serviceTier)$|\.stop\.(detail|raw)$/;

interface Mutation {
  readonly path: string;
  readonly value: unknown;
}

/** Copies of a value, each with one leaf changed. */
function* mutations(root: unknown, isWanted = (_path: string): boolean => true): Generator<Mutation> {
  for (const steps of leaves(root, [])) {
    const path = steps
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
      .join('')
      .replace(/^\./, '');
    if (silent.test(path) || !isWanted(path)) continue;
    const value = structuredClone(root);
    let node = value as Record<string | number, unknown>;
    for (const step of steps.slice(0, -1)) node = node[step] as Record<string | number, unknown>;
    const last = steps.at(-1)!;
    // An opaque piece says its own name, and a hidden thought has no text.
    if (last === 'name' && (node['type'] === 'opaque' || node['kind'] === 'hosted')) continue;
    if (last === 'text' && node['isRedacted'] === true) continue;
    const changed = changedLeaf(node[last], String(last));
    if (changed === undefined) continue;
    node[last] = changed;
    yield { path, value };
  }
}

function* leaves(value: unknown, path: readonly (string | number)[]): Generator<readonly (string | number)[]> {
  if (typeof value !== 'object' || value === null) {
    yield path;
    return;
  }
  for (const [name, inner] of Object.entries(value))
    yield* leaves(inner, [...path, Array.isArray(value) ? Number(name) : name]);
}

function changedLeaf(value: unknown, name: string): unknown {
  // Words that tell kinds apart are changed to another kind only where any would do.
  if (name === 'type' || name === 'kind' || name === 'role') return undefined;
  if (name === 'reason') return value === 'filtered' ? 'length' : 'filtered';
  if (name === 'mode') return value === 'none' ? 'any' : 'none';
  if (typeof value === 'string') return `${value}~`;
  if (typeof value === 'number') return Number.isSafeInteger(value + 1) ? value + 1 : 0;
  if (typeof value === 'boolean') return !value;
  return 'not null';
}
