// The embedded echo model, answering like a provider's reply so that everything behind it is the same.
import { Body, type BodySource, type Sink } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { type CodecClock, checkEcho, echoBody, echoCount, echoStream } from '@agentgateway/llm/echo.ts';
import { CodecError } from '@agentgateway/llm/hub/extra.ts';
import type { UpstreamReply } from '../../upstream/transport.ts';
import type { BackendEnvironment } from '../registry.ts';
import type { Ask } from './ask.ts';
import type { Prepared } from './prepare.ts';

/** Answers in the prepared format. Throws `bad-request` for what no model would take. */
export function callEcho(ask: Ask, prepared: Prepared, environment: BackendEnvironment): UpstreamReply {
  const clock = toCodecClock(environment);
  const request = readRequest(ask, prepared);
  if (ask.isStreaming) {
    const headers = HeaderList.from([['content-type', 'text/event-stream']]);
    return { status: 200, headers, body: Body.from(generated(echoStream(prepared.format, request, clock))) };
  }
  const answer = ask.isCount ? echoCount(request) : echoBody(prepared.format, request, clock);
  const headers = HeaderList.from([['content-type', 'application/json']]);
  return { status: 200, headers, body: Body.of(JSON.stringify(answer)) };
}

function readRequest(ask: Ask, { format, bytes }: Prepared): unknown {
  try {
    const request: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
    checkEcho(format, request, ask.isCount);
    return request;
  } catch (error) {
    if (error instanceof SyntaxError) throw new GatewayError('bad-request', 'the body is not valid JSON');
    if (error instanceof CodecError) throw new GatewayError('bad-request', error.message);
    throw error;
  }
}

/** The time and a fresh id, as codecs take them. */
export function toCodecClock(environment: BackendEnvironment): CodecClock {
  return { nowSeconds: Math.floor(environment.now() / 1000), id: environment.id().replaceAll('-', '') };
}

/** A body made as fast as it is read. */
function generated(chunks: Generator<Uint8Array>): BodySource {
  let cancelled: { readonly cause: unknown } | undefined;
  return {
    async pipe(sink: Sink) {
      for (const chunk of chunks) {
        if (cancelled) throw cancelled.cause;
        const waiting = sink.write(chunk);
        if (waiting !== true) await waiting;
      }
      return undefined;
    },
    cancel(cause) {
      cancelled ??= { cause };
    },
  };
}
