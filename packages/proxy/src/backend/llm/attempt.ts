// One try at one target: sent, watched, and turned into the client's reply or a reason to try another.
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import { codecs } from '@agentgateway/llm/codecs.ts';
import { formats } from '@agentgateway/llm/format.ts';
import type { AnswerContext } from '@agentgateway/llm/hub/codec.ts';
import { CodecError, type JsonObject } from '@agentgateway/llm/hub/extra.ts';
import type { FormatName, StreamFacts } from '@agentgateway/llm/format.ts';
import { completeUsage } from '@agentgateway/llm/price/estimate.ts';
import { type Usage, asObject } from '@agentgateway/llm/usage.ts';
import type { UpstreamReply } from '../../upstream/transport.ts';
import { DecodedSource, decodeBody, isIdentity, responseReasons } from '../../wire-encoding.ts';
import { toUpstreamTimeouts } from '../attempt.ts';
import type { BackendEnvironment } from '../registry.ts';
import type { Ask } from './ask.ts';
import type { Books } from './books.ts';
import { CrossReader } from './cross-reader.ts';
import { callEcho, toCodecClock } from './echo.ts';
import { toFormatError, toStatusOf, toTypeOf } from './failures.ts';
import { readRetryAfterMs } from './health.ts';
import { type Prepared, decodeAsk } from './prepare.ts';
import type { Provider } from './profile.ts';
import { PassingReader, type StreamWatch } from './read-frames.ts';
import { toClientHeaders, toProviderHeaders } from './request-headers.ts';
import { type FrameReader, LlmStream } from './stream.ts';

/** Longest buffered answer, in bytes. */
export const answerBytesMax = 64 * 1024 * 1024;
/** Longest error body that is passed on, in bytes. */
const errorBytesMax = 1024 * 1024;

/** What an attempt needs. */
export interface AttemptParts {
  readonly exchange: Exchange;
  readonly plan: CallPlan;
  readonly environment: BackendEnvironment;
  readonly ask: Ask;
  readonly provider: Provider;
  readonly model: string;
  readonly prepared: Prepared;
  readonly books: Books;
}

/** How a try ended, as far as the next step is concerned. */
export type Tried =
  | { readonly kind: 'answered'; readonly reply: Reply }
  /** The provider refused; `reply` says so in the client's words. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly retryAfterMs: number | undefined;
      readonly reply: Reply;
    };

/** Tries once. Throws GatewayError where no answer came; the books are closed then. */
export async function tryTarget(parts: AttemptParts): Promise<Tried> {
  const { books } = parts;
  let upstream: UpstreamReply;
  try {
    upstream = await send(parts);
  } catch (error) {
    books.unanswered(error, guess(parts, undefined, 0));
    throw error;
  }
  books.answered(upstream.status);
  try {
    if (upstream.status >= 400) return await refused(parts, upstream);
    return { kind: 'answered', reply: await (isStream(parts, upstream) ? streamed : buffered)(parts, upstream) };
  } catch (error) {
    books.broken(error, guess(parts, undefined, 0));
    throw error;
  }
}

/** An answer comes as it was asked for: the reader of a stream finds no event in JSON, and would take it for an empty answer. */
function isStream({ ask }: AttemptParts, { headers, body }: UpstreamReply): boolean {
  const type = headers.get('content-type');
  const isEvents = type === undefined ? ask.isStreaming : /^text\/event-stream\b/i.test(type);
  if (isEvents === ask.isStreaming) return isEvents;
  const message = `the provider answered ${ask.isStreaming ? 'a stream' : 'a request'} with ${type}`;
  const error = new GatewayError('upstream-protocol-error', message);
  body.cancel(error);
  throw error;
}

async function send(parts: AttemptParts): Promise<UpstreamReply> {
  const { exchange, plan, environment, provider, prepared, ask, books } = parts;
  const { address, owner } = provider;
  if (!address) {
    exchange.trace?.attempt(books.record, HeaderList.from([]));
    return callEcho(ask, prepared, environment);
  }
  const { path, bytes, isSame } = prepared;
  const query = isSame && exchange.query !== undefined ? `?${exchange.query}` : '';
  const isDraining = owner.whenGone === 'drain';
  const headers = toProviderHeaders(exchange, provider, isSame);
  if (!headers.has('content-type')) headers.append('content-type', 'application/json');
  exchange.trace?.attempt(books.record, headers);
  return environment.transport.dispatch({
    endpoint: address.endpoint,
    protocol: 'http1',
    method: 'POST',
    path: `${address.pathPrefix}${path}${query}`,
    authority: address.authority,
    headers,
    body: Body.of(bytes),
    timeouts: toUpstreamTimeouts(plan),
    onCancel: (fn) =>
      exchange.onCancel((reason) => {
        if (!(isDraining && reason === 'client-gone')) fn(reason);
      }),
  });
}

async function streamed(parts: AttemptParts, { status, headers, body }: UpstreamReply): Promise<Reply> {
  const { prepared, provider } = parts;
  const { reader, renderFailure } = prepared.isSame ? passing(parts) : crossing(parts);
  const encoding = headers.combined('content-encoding');
  const plain = isIdentity(encoding) ? body : Body.from(new DecodedSource(body, encoding!, responseReasons));
  const stream = new LlmStream(plain, reader, provider.owner.whenGone);
  await stream.begin();
  const sent = toClientHeaders(headers, prepared.isSame);
  if (!prepared.isSame) sent.set('content-type', 'text/event-stream');
  if (!sent.has('cache-control')) sent.append('cache-control', 'no-cache, no-transform');
  return { status, headers: sent, body: Body.from(stream), origin: 'upstream', renderFailure };
}

interface Reading {
  readonly reader: FrameReader;
  readonly renderFailure: (error: unknown) => Uint8Array | undefined;
}

/** Bytes pass. */
function passing(parts: AttemptParts): Reading {
  const { exchange, ask, prepared } = parts;
  const format = formats[ask.format];
  const reader = new PassingReader(format, prepared.hidesUsage, watchOf(parts));
  return {
    reader,
    renderFailure(error) {
      // A failure that the provider told itself has passed already.
      if (reader.facts.failure !== undefined) return undefined;
      return format.errorFrame(toFormatError(ask.format, error, exchange.id), reader.facts);
    },
  };
}

/** Events go through the hub. */
function crossing(parts: AttemptParts): Reading {
  const { exchange, ask, prepared, provider } = parts;
  const options = {
    from: prepared.format,
    to: ask.format,
    answer: answerContext(parts),
    dialectal: provider.dialectal,
  };
  const reader = new CrossReader(options, watchOf(parts));
  return {
    reader,
    renderFailure(error) {
      const { message, type, code } = toFormatError(ask.format, error, exchange.id);
      return reader.fail(message, type, code);
    },
  };
}

function watchOf(parts: AttemptParts): StreamWatch {
  const { exchange, books, environment } = parts;
  return {
    firstOutput() {
      if (exchange.llm) exchange.llm.firstTokenMs ??= environment.monotonicMs() - exchange.head.startMs;
    },
    over(facts, outputBytes, error) {
      noteFacts(exchange, facts);
      const end = error === undefined ? 'completed' : exchange.cancelReason ? 'aborted' : 'failed';
      books.settle(end, guess(parts, facts.usage, outputBytes), error);
    },
  };
}

function answerContext({ exchange, ask, provider, model, environment }: AttemptParts): AnswerContext {
  return {
    vendor: provider.vendor,
    upstreamModel: model,
    request: decodeAsk(ask),
    clock: toCodecClock(environment),
    note: ({ path, message }) => exchange.notes.push(`answer: ${path === '' ? message : `${path}: ${message}`}`),
  };
}

async function buffered(parts: AttemptParts, { status, headers, body }: UpstreamReply): Promise<Reply> {
  const { exchange, ask, books, prepared } = parts;
  const bytes = await readWhole(exchange, body, headers, answerBytesMax);
  const answer = asObject(parseJson(bytes));
  if (!answer) throw new GatewayError('upstream-protocol-error', 'the provider’s answer is not a JSON object');
  const reported = formats[prepared.format].readUsage(answer);
  const usage = ask.isCount ? undefined : guess(parts, reported, reported ? 0 : spanBytes(prepared.format, answer));
  noteAnswer(exchange, answer, formats[prepared.format].readFinish(answer));
  // The provider has done its work, whatever becomes of its answer here.
  books.settle('completed', usage);
  const sent = prepared.isSame ? bytes : Buffer.from(JSON.stringify(recode(parts, answer)));
  const sentHeaders = toClientHeaders(headers, prepared.isSame);
  if (!prepared.isSame) sentHeaders.set('content-type', 'application/json');
  return { status, headers: sentHeaders, body: Body.of(sent), origin: 'upstream' };
}

/** The answer in the client's format. */
function recode(parts: AttemptParts, answer: JsonObject): JsonObject {
  const { ask, prepared, provider } = parts;
  try {
    const response = codecs[prepared.format].decodeResponse(answer, provider.dialectal);
    return codecs[ask.format].encodeResponse(response, answerContext(parts));
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new GatewayError('upstream-protocol-error', `the provider’s answer breaks its format: ${error.message}`, {
      cause: error,
    });
  }
}

/** What was reported, with the totals that are missing estimated and the whole marked so. */
function guess({ ask }: AttemptParts, usage: Usage | undefined, outputTextBytes: number): Usage {
  return completeUsage(usage, { inputTextBytes: ask.bytes.byteLength, outputTextBytes });
}

function spanBytes(format: FormatName, answer: unknown): number {
  return formats[format].bodySpans(answer).reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
}

async function refused(parts: AttemptParts, { status, headers, body }: UpstreamReply): Promise<Tried> {
  const { exchange, ask, books, environment, prepared } = parts;
  const retryAfterMs = readRetryAfterMs(headers, environment.now());
  const bytes = await readWhole(exchange, body, headers, errorBytesMax);
  books.settle(
    'failed',
    undefined,
    new GatewayError('upstream-rejected', `the provider answered ${status}`, { status }),
  );
  const reply: Reply = {
    status: prepared.isSame ? status : toStatusOf(ask.format, status),
    headers: toClientHeaders(headers, prepared.isSame),
    body: Body.of(prepared.isSame ? bytes : recodeFailure(parts, bytes, status)),
    origin: 'upstream',
  };
  if (!prepared.isSame) reply.headers.set('content-type', 'application/json');
  return { kind: 'refused', status, retryAfterMs, reply };
}

/** The provider's own words in the client's shape. */
function recodeFailure({ ask, prepared, exchange }: AttemptParts, bytes: Uint8Array, status: number): string {
  const failure = codecs[prepared.format].decodeFailure(parseJson(bytes), status);
  const message = failure?.message ?? `the provider answered ${status}`;
  const type = toTypeOf(ask.format, toStatusOf(ask.format, status));
  const code = failure?.code ?? failure?.type ?? 'upstream_error';
  return JSON.stringify(formats[ask.format].errorBody({ message, type, code, requestId: exchange.id }));
}

async function readWhole(exchange: Exchange, body: Body, headers: HeaderList, bytesMax: number): Promise<Uint8Array> {
  exchange.keep(body);
  const bytes = await body.bytes(bytesMax, responseReasons.tooLarge);
  const encoding = headers.combined('content-encoding');
  return decodeBody(bytes, encoding, bytesMax, { ...responseReasons, keep: (decoded) => exchange.keep(decoded) });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}

function noteFacts(exchange: Exchange, facts: StreamFacts): void {
  const { llm } = exchange;
  if (!llm) return;
  if (facts.model !== undefined) llm.responseModel = facts.model;
  if (facts.finishReason !== undefined) llm.finishReason = facts.finishReason;
}

function noteAnswer({ llm }: Exchange, { model }: JsonObject, finishReason: string | undefined): void {
  if (!llm) return;
  if (typeof model === 'string') llm.responseModel = model;
  if (finishReason !== undefined) llm.finishReason = finishReason;
}
