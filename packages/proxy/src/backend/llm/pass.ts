// Paths of a provider's API that the gateway does not speak (embeddings, images, audio, files …): sent on as they are.
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import { NotAnObject, readMember, scanMembers, setMember } from '@agentgateway/llm/json-edit.ts';
import { decodeBody, isIdentity, requestReasons } from '../../wire-encoding.ts';
import { toUpstreamTimeouts } from '../attempt.ts';
import type { BackendEnvironment } from '../registry.ts';
import type { Tried } from './attempt.ts';
import type { Books } from './books.ts';
import { toStatusOf } from './failures.ts';
import { readRetryAfterMs } from './health.ts';
import { boundaryOf, readField, writeField } from './multipart.ts';
import type { Provider } from './profile.ts';
import { toProviderHeaders } from './request-headers.ts';
import { type UsageForm, UsageTee } from './usage-tee.ts';

/** A request that is sent on: its model where it names one, and its body. */
export interface PassAsk {
  readonly model: string | undefined;
  /** The body for a model's upstream name; the same where it names none. */
  body(model: string | undefined): Body;
  /** Whether it can be sent again. */
  readonly isReplayable: boolean;
  readonly sizeBytes: number;
}

/** Reads the model of a JSON or multipart body; any other body flows through unread. */
export async function readPassAsk(exchange: Exchange, bytesMax: number): Promise<PassAsk> {
  const { body, headers } = exchange;
  const type = headers.get('content-type');
  const boundary = boundaryOf(type);
  const isJson = type !== undefined && /^application\/([^;]+\+)?json\b/i.test(type);
  if (body.kind === 'none' || (!isJson && boundary === undefined)) {
    const isReplayable = body.kind === 'none';
    return { model: undefined, body: () => body, isReplayable, sizeBytes: body.lengthBytes ?? 0 };
  }
  const received = await body.bytes(bytesMax);
  const encoding = headers.combined('content-encoding');
  const bytes = isIdentity(encoding) ? received : await decodeBody(received, encoding, bytesMax, requestReasons);
  const model = isJson ? readJsonModel(bytes) : readField(bytes, boundary!, 'model');
  const rewrite = (wanted: string): Uint8Array =>
    isJson ? setMember(bytes, 'model', wanted) : writeField(bytes, boundary!, 'model', wanted);
  return {
    model,
    body: (wanted) =>
      Body.of(wanted === undefined || model === undefined || wanted === model ? bytes : rewrite(wanted)),
    isReplayable: true,
    sizeBytes: bytes.byteLength,
  };
}

function readJsonModel(bytes: Uint8Array): string | undefined {
  try {
    const model = readMember(bytes, scanMembers(bytes), 'model');
    return typeof model === 'string' && model !== '' ? model : undefined;
  } catch (error) {
    if (!(error instanceof NotAnObject)) throw error;
    // The provider judges what it is.
    return undefined;
  }
}

/** What one try of a passed request needs. */
export interface PassParts {
  readonly exchange: Exchange;
  readonly plan: CallPlan;
  readonly environment: BackendEnvironment;
  readonly ask: PassAsk;
  readonly provider: Provider;
  readonly model: string | undefined;
  /** Path below the provider's base URL. */
  readonly rest: string;
  readonly books: Books;
}

/** Tries once. Throws GatewayError where no answer came. */
export async function tryPass(parts: PassParts): Promise<Tried> {
  const { exchange, plan, environment, ask, provider, model, rest, books } = parts;
  const { address } = provider;
  if (!address) {
    const error = new GatewayError(
      'route-not-found',
      `the embedded model does not serve ${exchange.method} ${exchange.path}`,
    );
    books.release(error);
    throw error;
  }
  const headers = toProviderHeaders(exchange, provider, true);
  exchange.trace?.attempt(books.record, headers);
  const query = exchange.query === undefined ? '' : `?${exchange.query}`;
  try {
    const upstream = await environment.transport.dispatch({
      endpoint: address.endpoint,
      protocol: 'http1',
      method: exchange.method,
      path: `${address.pathPrefix}${rest}${query}`,
      authority: address.authority,
      headers,
      body: ask.body(model),
      timeouts: toUpstreamTimeouts(plan),
      onCancel: (fn) => exchange.onCancel(fn),
    });
    books.answered(upstream.status);
    const { status, body } = upstream;
    const failure =
      status < 400 ? undefined : new GatewayError('upstream-rejected', `the provider answered ${status}`, { status });
    const form = formOf(upstream.headers.get('content-type'), upstream.headers.get('content-encoding'));
    if (body.kind === 'source') {
      body.through(
        (source) =>
          new UsageTee(source, form, (usage, error) =>
            books.settle(
              error === undefined && !failure ? 'completed' : exchange.cancelReason ? 'aborted' : 'failed',
              usage,
              failure ?? error,
            ),
          ),
      );
    } else books.settle(failure ? 'failed' : 'completed', undefined, failure);
    const reply: Reply = { status: toStatusOf('chat', status), headers: upstream.headers, body, origin: 'upstream' };
    if (status < 400) return { kind: 'answered', reply };
    return { kind: 'refused', status, retryAfterMs: readRetryAfterMs(upstream.headers, environment.now()), reply };
  } catch (error) {
    books.settle('failed', undefined, error);
    throw error;
  }
}

function formOf(type: string | undefined, encoding: string | undefined): UsageForm {
  if (!isIdentity(encoding) || type === undefined) return 'none';
  if (/^text\/event-stream\b/i.test(type)) return 'events';
  return /^application\/([^;]+\+)?json\b/i.test(type) ? 'json' : 'none';
}
