// Every recorded Anthropic Messages exchange survives decode → encode of its own format.
import { describe, expect, test } from 'vitest';
import { messagesCodec } from '@agentgateway/llm/format/messages/codec.ts';
import type { JsonObject } from '@agentgateway/llm/hub/extra.ts';
import type { HubEvent } from '@agentgateway/llm/hub/response.ts';
import { type Frame, SseSplitter } from '@agentgateway/llm/stream/sse.ts';
import { hasRecordingsOrSkips, loadRecordings, toBytes, toJson } from '../recordings/recordings.ts';
import { answerContext, requestContext } from './contexts.ts';
import { leavesOf, withChangedLeaf } from './mutation.ts';

const hasThem = hasRecordingsOrSkips('Anthropic Messages codecs over recordings');
const recordings = loadRecordings({ format: 'messages' });

/** Leaves that tell about a node and are not themselves sent: where it came from, what an opaque value is called, how its own format spells a stop. */
const silentLeaves = [
  'path$',
  'type$',
  'kind$',
  'shape$',
  'format$',
  'usage.source$',
  'parts.[0-9]+(.content.[0-9]+)?.name$',
  'tools.[0-9]+.name$',
  'stop.raw$',
];
const isSilent = (path: readonly (string | number)[]): boolean =>
  silentLeaves.some((leaf) => new RegExp(`(^|[.])${leaf}`, 'u').test(path.join('.')));

/** Whether a leaf belongs to a node that is written as its own format had it, or is a text that a redacted thought has not. */
function isBesideTheValue(hub: unknown, path: readonly (string | number)[]): boolean {
  let holder = hub as Record<string | number, unknown>;
  for (const name of path.slice(0, -1)) holder = holder[name] as Record<string | number, unknown>;
  return holder['isRedacted'] === true && path.at(-1) === 'text';
}

function framesOf(bytes: Uint8Array): Frame[] {
  const splitter = new SseSplitter();
  return [...splitter.push(bytes), ...splitter.end()];
}

describe.runIf(hasThem)('recorded Anthropic Messages', () => {
  test.for(recordings)('request $name', ({ request }) => {
    const body = toJson(request.body) as JsonObject;
    const hub = structuredClone(messagesCodec.decodeRequest(structuredClone(body)));
    const context = requestContext({ model: String(body['model']) });
    expect(messagesCodec.encodeRequest(hub, context)).toEqual(body);
    expect(context.notes).toEqual([]);
  });

  test.for(loadRecordings({ provider: 'anthropic', api: 'count-tokens' }))('count $name', ({ request }) => {
    const body = toJson(request.body) as JsonObject;
    const hub = structuredClone(messagesCodec.decodeRequest(structuredClone(body)));
    const context = requestContext({ model: String(body['model']), isCounting: true });
    expect(messagesCodec.encodeRequest(hub, context)).toEqual(body);
  });

  test.for(recordings.filter(({ isStream }) => !isStream))('response $name', ({ response }) => {
    const body = toJson(response.body) as JsonObject;
    const hub = structuredClone(messagesCodec.decodeResponse(structuredClone(body)));
    const context = answerContext();
    expect(messagesCodec.encodeResponse(hub, context)).toEqual(body);
    expect(context.notes).toEqual([]);
  });

  test.for(recordings.filter(({ isStream }) => isStream))('stream $name', ({ response }) => {
    const frames = framesOf(toBytes(response.body));
    const decoder = messagesCodec.decodeStream();
    const events = structuredClone([...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()]);
    const encoder = messagesCodec.encodeStream(answerContext());
    const encoded = framesOf(Buffer.concat(events.flatMap((event) => encoder.push(event))));
    expect(encoded.map((frame) => [frame.event, frame.json()])).toEqual(
      frames.filter(({ data }) => data !== undefined).map((frame) => [frame.event, frame.json()]),
    );
    expect(events.filter(({ type }) => type === 'end')).toHaveLength(1);
  });

  test('a change of any leaf of a decoded request changes what is sent', () => {
    const silent: string[] = [];
    for (const { name, request } of recordings.filter((_, index) => index % 4 === 0)) {
      const hub = messagesCodec.decodeRequest(toJson(request.body) as JsonObject);
      const context = requestContext({ model: hub.model });
      const sent = JSON.stringify(messagesCodec.encodeRequest(hub, context));
      for (const { path } of leavesOf(hub)) {
        // The name sent upstream is the context's; a part's type is what it is.
        if (isSilent(path) || isBesideTheValue(hub, path) || path.join('.') === 'model') continue;
        let changed: string | undefined;
        try {
          changed = JSON.stringify(messagesCodec.encodeRequest(withChangedLeaf(hub, path), context));
        } catch {
          continue; // Refused: not silent.
        }
        if (changed === sent) silent.push(`${name}: ${path.join('.')}`);
      }
    }
    expect(silent).toEqual([]);
  });

  test('a change of any leaf of a decoded answer changes what is sent', () => {
    const silent: string[] = [];
    for (const { name, response } of recordings.filter(({ isStream }, index) => !isStream && index % 2 === 0)) {
      const hub = messagesCodec.decodeResponse(toJson(response.body) as JsonObject);
      const sent = JSON.stringify(messagesCodec.encodeResponse(hub, answerContext()));
      for (const { path } of leavesOf(hub)) {
        if (isSilent(path) || isBesideTheValue(hub, path) || path.at(-1) === 'vendor') continue;
        const changed = JSON.stringify(messagesCodec.encodeResponse(withChangedLeaf(hub, path), answerContext()));
        if (changed === sent) silent.push(`${name}: ${path.join('.')}`);
      }
    }
    expect(silent).toEqual([]);
  });

  test('a change of any leaf of a stream event changes what is written', () => {
    const silent: string[] = [];
    // The end of a part repeats what was told before; only what came late is read from it.
    const told = ['start', 'textDelta', 'reasoningDelta', 'argumentsDelta', 'citation', 'stop', 'usage', 'opaque'];
    for (const { name, response } of recordings.filter(({ isStream }) => isStream)) {
      const decoder = messagesCodec.decodeStream();
      const events = framesOf(toBytes(response.body)).flatMap((frame) => decoder.push(frame));
      const written = writtenBy(events);
      const seen = new Map<string, number>();
      for (const [index, event] of events.entries()) {
        // A few of each kind show what all do.
        seen.set(event.type, (seen.get(event.type) ?? 0) + 1);
        if (!told.includes(event.type) || seen.get(event.type)! > 3) continue;
        for (const { path } of leavesOf(event)) {
          const isPlace = ['choice', 'part', 'source', 'name'].includes(String(path.at(-1)));
          if (isSilent(path) || isPlace) continue;
          if (writtenBy(events.with(index, withChangedLeaf(event, path))) === written)
            silent.push(`${name}: ${event.type}.${path.join('.')}`);
        }
      }
    }
    expect(silent).toEqual([]);
  });
});

function writtenBy(events: readonly HubEvent[]): string {
  const encoder = messagesCodec.encodeStream(answerContext());
  return Buffer.concat(events.flatMap((event) => encoder.push(event))).toString('utf8');
}
