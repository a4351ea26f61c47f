// Paths of a provider's API that the gateway does not speak (embeddings, images, audio, files …): sent on as they are.
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import { NotAnObject, readMember, scanMembers, setMember } from '@agentgateway/llm/json-edit.ts';
import { decodeBody, isIdentity, requestReasons } from '../../wire-encoding.ts';
import { toUpstreamTimeouts } from '../attempt.ts';
import type { BackendEnvironment } from '../registry.ts';
import { checkModel } from './ask.ts';
import type { Tried } from './attempt.ts';
import type { Books } from './books.ts';
import { readRetryAfterMs } from './health.ts';
import { boundaryOf, readFields, writeField } from './multipart.ts';
import type { Provider } from './profile.ts';
import { toProviderHeaders } from './request-headers.ts';
import { type UsageForm, UsageTee } from './usage-tee.ts';
import type { Usage } from '@agentgateway/llm/usage.ts';
import type { UpstreamReply } from '../../upstream/transport.ts';

/** A request that is sent on: its model where it names one, and its body. */
export interface PassAsk {
  readonly model: string | undefined;
  /** The body for a model's upstream name; the same where it names none. */
  body(model: string | undefined): Body;
  /** Whether it can be sent again. */
  readonly isReplayable: boolean;
  readonly sizeBytes: number;
  /** The coding that the body still has: only what was read is decoded. */
  readonly encoding: string | undefined;
}

/** Reads the model of a JSON or multipart body; any other body flows through unread. */
export async function readPassAsk(exchange: Exchange, bytesMax: number): Promise<PassAsk> {
  const { body, headers } = exchange;
  const encoding = headers.combined('content-encoding');
  const type = headers.get('content-type');
  const boundary = boundaryOf(type);
  const isJson = type !== undefined && isJsonType(type);
  if (body.kind === 'none' || (!isJson && boundary === undefined)) {
    const isReplayable = body.kind === 'none';
    return { model: undefined, body: () => body, isReplayable, sizeBytes: body.lengthBytes ?? 0, encoding };
  }
  const received = await body.bytes(bytesMax);
  const bytes = await decodeBody(received, encoding, bytesMax, requestReasons);
  const model = isJson ? readJsonModel(bytes) : readFormModel(bytes, boundary!);
  const rewrite = (wanted: string): Uint8Array =>
    isJson ? setMember(bytes, 'model', wanted) : writeField(bytes, boundary!, 'model', wanted);
  return {
    model,
    body: (wanted) =>
      Body.of(wanted === undefined || model === undefined || wanted === model ? bytes : rewrite(wanted)),
    isReplayable: true,
    sizeBytes: bytes.byteLength,
    encoding: undefined,
  };
}

function readJsonModel(bytes: Uint8Array): string | undefined {
  try {
    const members = scanMembers(bytes);
    const model = readMember(bytes, members, 'model');
    return model === undefined || model === null
      ? undefined
      : checkModel(model, members.get('model')?.isRepeated ?? false);
  } catch (error) {
    if (!(error instanceof NotAnObject)) throw error;
    // The provider judges what it is.
    return undefined;
  }
}

function readFormModel(bytes: Uint8Array, boundary: string): string | undefined {
  const [model, ...others] = readFields(bytes, boundary, 'model');
  return model === undefined ? undefined : checkModel(model, others.length > 0);
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

/** Tries once. Throws GatewayError where no answer came; the books are closed then. */
export async function tryPass(parts: PassParts): Promise<Tried> {
  const { books, environment } = parts;
  let upstream: UpstreamReply;
  try {
    upstream = await send(parts);
  } catch (error) {
    books.unanswered(error, undefined);
    throw error;
  }
  const { status, headers, body } = upstream;
  books.answered(status);
  const failure =
    status < 400 ? undefined : new GatewayError('upstream-rejected', `the provider answered ${status}`, { status });
  const form = formOf(headers.get('content-type'), headers.get('content-encoding'));
  if (body.kind === 'source') body.through((source) => new UsageTee(source, form, closing(parts, failure)));
  else books.settle(failure ? 'failed' : 'completed', undefined, failure);
  headers.remove('set-cookie');
  const reply: Reply = { status, headers, body, origin: 'upstream' };
  if (status < 400) return { kind: 'answered', reply };
  return { kind: 'refused', status, retryAfterMs: readRetryAfterMs(headers, environment.now()), reply };
}

async function send({
  exchange,
  plan,
  environment,
  ask,
  provider,
  model,
  rest,
  books,
}: PassParts): Promise<UpstreamReply> {
  const { address } = provider;
  if (!address) {
    const what = `${exchange.method} ${exchange.path}`;
    throw new GatewayError('route-not-found', `the embedded model does not serve ${what}`);
  }
  const headers = toProviderHeaders(exchange, provider, true);
  if (ask.encoding !== undefined) headers.append('content-encoding', ask.encoding);
  exchange.trace?.attempt(books.record, headers);
  const query = exchange.query === undefined ? '' : `?${exchange.query}`;
  return environment.transport.dispatch({
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
}

/** Closes the books when the body has ended. */
function closing(
  { exchange, books }: PassParts,
  failure: GatewayError | undefined,
): (usage: Usage | undefined, error: unknown) => void {
  return (usage, error) => {
    if (error === undefined && !failure) books.settle('completed', usage);
    else books.settle(exchange.cancelReason ? 'aborted' : 'failed', usage, failure ?? error);
  };
}

function formOf(type: string | undefined, encoding: string | undefined): UsageForm {
  if (!isIdentity(encoding) || type === undefined) return 'none';
  if (/^text\/event-stream\b/i.test(type)) return 'events';
  return isJsonType(type) ? 'json' : 'none';
}

function isJsonType(type: string): boolean {
  return /^application\/([^;]+\+)?json\b/i.test(type);
}
