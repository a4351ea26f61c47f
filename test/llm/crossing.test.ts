// Every recorded exchange crosses every cell, or is refused for a reason that a committed table lists; the table may only shrink.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { codecs } from '@agentgateway/llm/codecs.ts';
import type { FormatName } from '@agentgateway/llm/format.ts';
import type { Part } from '@agentgateway/llm/hub/content.ts';
import { CodecError, type JsonObject } from '@agentgateway/llm/hub/extra.ts';
import type { HubRequest } from '@agentgateway/llm/hub/request.ts';
import type { HubEvent, HubResponse } from '@agentgateway/llm/hub/response.ts';
import { formatNames, makers } from '@agentgateway/llm/matrix/cell.ts';
import { addUp } from '@agentgateway/llm/matrix/client-stream.ts';
import { SseSplitter } from '@agentgateway/llm/stream/sse.ts';
import { transcodeStream } from '@agentgateway/llm/transcode.ts';
import { ProviderMemory } from '../fakes/memory.ts';
import { VendorRefusal } from '../fakes/refusal.ts';
import { validateChat } from '../fakes/validate-chat.ts';
import { validateMessages } from '../fakes/validate-messages.ts';
import { validateResponses } from '../fakes/validate-responses.ts';
import { type Recording, hasRecordingsOrSkips, loadRecordings, toBytes, toJson } from '../recordings/recordings.ts';
import { answerContext, requestContext } from './contexts.ts';

/** By recording, then by the format across which it is refused: the name of the reason. */
type Refusals = Readonly<Record<string, Readonly<Partial<Record<FormatName, string>>>>>;

interface RefusalTable {
  /** What the refusals of a reason say, as a pattern, and why it cannot be otherwise. */
  readonly reasons: Readonly<Record<string, { readonly pattern: string; readonly because: string }>>;
  /** Requests and answers that a codec refuses. */
  readonly requests: Refusals;
  readonly answers: Refusals;
  /** Requests that cross and that a strict provider of the other format refuses, for what the client itself asked. */
  readonly byProvider: Refusals;
}

const refused = JSON.parse(
  readFileSync(new URL('../../packages/llm/src/matrix/refused.json', import.meta.url), 'utf8'),
) as RefusalTable;

/** Holds a refusal, or that there was none, against the table. */
function expectRefusal(message: string | undefined, listed: string | undefined): void {
  if (message === undefined || listed === undefined) expect(message).toBe(listed);
  else expect(message).toMatch(new RegExp(refused.reasons[listed]?.pattern ?? listed, 'u'));
}

const hasThem = hasRecordingsOrSkips('recorded exchanges across formats');
const recordings = formatNames.flatMap((format) => loadRecordings({ format, outcome: 'ok' }));
const exchanges = recordings.map((recording) => [recording.name, recording] as const);

/** Runs a crossing; where it is refused, the refusal must be the one that the table lists, and where it is listed, it must be refused. */
function crossOrRefused<T>(listed: string | undefined, cross: () => T): T | undefined {
  let refusal: string | undefined;
  let crossed: T | undefined;
  try {
    crossed = cross();
  } catch (error) {
    if (!(error instanceof CodecError) || error.kind !== 'unsupported') throw error;
    refusal = error.message;
  }
  expectRefusal(refusal, listed);
  return crossed;
}

/** How the strict fakes refuse a request; undefined where they take it. */
function refusalOf(format: FormatName, body: JsonObject): string | undefined {
  try {
    validate(format, body);
    return undefined;
  } catch (error) {
    if (!(error instanceof VendorRefusal)) throw error;
    return (error.body as { readonly error: { readonly message: string } }).error.message;
  }
}

function validate(format: FormatName, body: JsonObject): void {
  const memory = new ProviderMemory('crossing');
  if (format === 'chat') validateChat(body, 'openai');
  else if (format === 'responses') validateResponses(body, 'openai', memory);
  else validateMessages(body, { name: 'messages', version: '2023-06-01' }, memory);
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}

/** What must be the same on both sides of a crossing. */
function gist({ choices, usage }: HubResponse): unknown {
  const parts = choices[0]?.parts ?? [];
  return {
    text: parts.map(wordsOf).join(''),
    calls: parts.flatMap((part) => (part.type === 'toolCall' ? [[part.id, part.name, toValue(part.arguments)]] : [])),
    // Anthropic's format has no answer without counts: zero stands there for none.
    input: usage?.inputTotal ?? 0,
    output: usage?.outputTotal ?? 0,
    cacheRead: usage?.inputCacheRead ?? 0,
  };
}

const wordsOf = (part: Part): string => (part.type === 'text' || part.type === 'refusal' ? part.text : '');

function toValue(text: string): unknown {
  return text === '' ? {} : JSON.parse(text);
}

function clientRequest(recording: Recording): HubRequest {
  const { tools } = codecs[recording.format!].decodeRequest(
    structuredClone(toJson(recording.request.body) as JsonObject),
  );
  // The client of another format asked for the same functions in its own words.
  const functions = tools?.filter(({ kind }) => kind === 'function');
  return {
    model: 'm',
    turns: [],
    stream: recording.isStream,
    includeUsage: true,
    ...(functions && { tools: functions }),
  };
}

describe.runIf(hasThem)('recorded requests', () => {
  describe.each(formatNames)('to %s', (out) => {
    test.each(exchanges)('%s', (name, recording) => {
      const body = toJson(recording.request.body) as JsonObject;
      const from = recording.format!;
      const sent = crossOrRefused(refused.requests[name]?.[out], () => {
        // All attempts share one decoded request: no encoder may change it.
        const hub = frozen(structuredClone(codecs[from].decodeRequest(structuredClone(body))));
        return codecs[out].encodeRequest(hub, requestContext(makers[out]));
      });
      if (!sent || from === out) return;
      expectRefusal(refusalOf(out, JSON.parse(JSON.stringify(sent)) as JsonObject), refused.byProvider[name]?.[out]);
    });
  });
});

describe.runIf(hasThem)('recorded answers', () => {
  describe.each(formatNames)('to a client of %s', (client) => {
    test.each(exchanges)('%s', (name, recording) => {
      const from = recording.format!;
      const { vendor, model } = makers[from];
      const context = answerContext({ vendor, upstreamModel: model, request: clientRequest(recording) });
      const listed = refused.answers[name]?.[client];
      if (!recording.isStream) {
        const hub = structuredClone(
          codecs[from].decodeResponse(structuredClone(toJson(recording.response.body) as JsonObject)),
        );
        const got = crossOrRefused(listed, () => codecs[client].encodeResponse(hub, context));
        if (got) expect(gist(codecs[client].decodeResponse(got))).toEqual(gist(hub));
        return;
      }
      const events: HubEvent[] = [];
      const bytes = crossOrRefused(listed, () => {
        const transcoder = transcodeStream({
          from,
          to: client,
          answer: context,
          onEvent: (event) => events.push(event),
        });
        const splitter = new SseSplitter();
        const frames = [...splitter.push(toBytes(recording.response.body)), ...splitter.end()];
        return Buffer.concat([...frames.flatMap((frame) => transcoder.push(frame)), ...transcoder.end()]);
      });
      // Streams of the same format pass as they are, oddities included: their own tests hold them event for event.
      if (!bytes || from === client) return;
      const { body, failure } = addUp(client, bytes);
      const failed = events.find(({ type }) => type === 'failure');
      if (failed?.type === 'failure')
        expect(JSON.stringify(failure)).toContain(JSON.stringify(failed.failure.message).slice(1, -1));
      else expect(gist(codecs[client].decodeResponse(body!))).toEqual(gist(sumUp(events)));
    });
  });
});

/** The answer that the events tell. */
function sumUp(events: readonly HubEvent[]): HubResponse {
  const parts = events.flatMap((event) =>
    event.type === 'partEnd' && event.choice === 0 ? [{ part: event.part, value: event.value }] : [],
  );
  const usages = events.flatMap((event) =>
    event.type === 'usage' || event.type === 'start' ? [event.usage ?? {}] : [],
  );
  const usage = Object.assign({}, ...usages) as HubResponse['usage'];
  return {
    id: '',
    model: '',
    choices: [{ parts: parts.sort((a, b) => a.part - b.part).map(({ value }) => value) }],
    ...(usage && { usage }),
  };
}

describe.runIf(hasThem)('the table of refusals', () => {
  test('names recordings that exist, and hosted tools never cross', () => {
    const names = new Set(recordings.map(({ name }) => name));
    for (const table of [refused.requests, refused.answers, refused.byProvider])
      for (const [name, reasons] of Object.entries(table)) {
        expect(names).toContain(name);
        for (const reason of Object.values(reasons)) expect(Object.keys(refused.reasons)).toContain(reason);
      }
    for (const { name, format, request } of recordings) {
      const { tools = [] } = codecs[format!].decodeRequest(structuredClone(toJson(request.body) as JsonObject));
      if (!tools.some(({ kind }) => kind === 'hosted')) continue;
      for (const out of formatNames.filter((out) => out !== format))
        expect(refused.requests[name]?.[out], name).toBeDefined();
    }
  });

  test('recorded refusals are read', () => {
    for (const { name, format, response } of formatNames.flatMap((format) =>
      loadRecordings({ format, outcome: 'refused' }),
    )) {
      const failure = codecs[format!].decodeFailure(toJson(response.body), response.status);
      expect(failure?.message, name).toBeTruthy();
    }
  });
});
