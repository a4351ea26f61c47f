// Paths of a provider's API that the gateway does not speak (embeddings, images, audio, files …): sent on as they are.
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import { NotAnObject, readMember, scanMembers, setMember } from '@agentgateway/llm/json-edit.ts';
import { collectRequest, isIdentity } from '../../wire-encoding.ts';
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

/** A request that is sent on: its model where it names one, and its body, decoded. */
export interface PassAsk {
  readonly model: string | undefined;
  readonly sizeBytes: number;
  /** The body for a model's upstream name; the same where it names none. */
  body(model: string | undefined): Uint8Array | undefined;
}

/** How the model of a body is read and replaced. */
interface ModelField {
  readonly model: string;
  write(model: string): Uint8Array;
}

/**
 * Reads the body whole and looks for its model. The content type does not decide what it is, because there are providers
 * that read JSON under any: what begins as an object is one, and a form is one where its boundary stands in it.
 */
export async function readPassAsk(exchange: Exchange, bytesMax: number): Promise<PassAsk> {
  if (exchange.body.kind === 'none') return { model: undefined, sizeBytes: 0, body: () => undefined };
  const bytes = await collectRequest(exchange, bytesMax);
  const field = findInJson(bytes) ?? findInForm(bytes, boundaryOf(exchange.headers.get('content-type')));
  return {
    model: field?.model,
    sizeBytes: bytes.byteLength,
    body: (wanted) => (!field || wanted === undefined || wanted === field.model ? bytes : field.write(wanted)),
  };
}

function findInJson(bytes: Uint8Array): ModelField | undefined {
  try {
    const members = scanMembers(bytes);
    const given = readMember(bytes, members, 'model');
    if (given === undefined || given === null) return undefined;
    const model = checkModel(given, members.get('model')?.isRepeated ?? false);
    return { model, write: (wanted) => setMember(bytes, 'model', wanted, members) };
  } catch (error) {
    if (!(error instanceof NotAnObject)) throw error;
    // The provider judges what it is.
    return undefined;
  }
}

function findInForm(bytes: Uint8Array, boundary: string | undefined): ModelField | undefined {
  if (boundary === undefined) return undefined;
  const [given, ...others] = readFields(bytes, boundary, 'model');
  if (given === undefined) return undefined;
  const model = checkModel(given, others.length > 0);
  return { model, write: (wanted) => writeField(bytes, boundary, 'model', wanted) };
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
    throw new GatewayError('route-not-found', `the embedded model does not serve ${what}`, {
      hint: 'It answers /v1/chat/completions, /v1/responses, /v1/messages and /v1/models.',
    });
  }
  const headers = toProviderHeaders(exchange, provider, true);
  const bytes = ask.body(model);
  exchange.trace?.attempt(books.record, headers);
  const query = exchange.query === undefined ? '' : `?${exchange.query}`;
  return environment.transport.dispatch({
    endpoint: address.endpoint,
    protocol: 'http1',
    method: exchange.method,
    path: `${address.pathPrefix}${rest}${query}`,
    authority: address.authority,
    headers,
    body: bytes === undefined ? Body.none() : Body.of(bytes),
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
