// What CEL expressions see of an exchange: each root and member is made when it is read, never before (contract 15).
import { type CelContext, type Expression, headerMap, timestampOf } from '@agentgateway/cel';
import { fromKey } from '@agentgateway/api/keys.ts';
import type { Body } from './body.ts';
import type { Exchange, Principal, Reply } from './exchange.ts';
import type { HeaderList } from './header-list.ts';
import type { LlmFacts } from './llm-facts.ts';

/** Roots that policies may use. */
export const policyRoots = ['request', 'response', 'source', 'principal', 'jwt', 'apiKey', 'llm', 'proxy'] as const;

/** The key of `exchange.facts` under which an authenticator leaves the claims of a validated token, for the root `jwt`. */
export const claimsFact = 'jwt';

/** Whether evaluating one of the expressions may read the request's body, which must then be collected first. */
export function readsRequestBody(expressions: readonly Expression[]): boolean {
  return expressions.some((expression) => expression.reads('request.body') || expression.reads('request.bodyPrefix'));
}

/** Whether evaluating one of the expressions may read the response's body. */
export function readsResponseBody(expressions: readonly Expression[]): boolean {
  return expressions.some((expression) => expression.reads('response.body') || expression.reads('response.bodyPrefix'));
}

/**
 * The context of an exchange; `response` exists once there is a reply. One object: what an expression does not read is
 * not built.
 */
export function celContext(exchange: Exchange, reply?: Reply): CelContext {
  return new ExchangeContext(exchange, reply);
}

class ExchangeContext implements CelContext {
  readonly #exchange: Exchange;
  readonly #reply: Reply | undefined;
  #request: RequestRoot | undefined;
  #response: ResponseRoot | undefined;

  constructor(exchange: Exchange, reply: Reply | undefined) {
    this.#exchange = exchange;
    this.#reply = reply;
  }

  get request(): RequestRoot {
    return (this.#request ??= new RequestRoot(this.#exchange));
  }

  get response(): ResponseRoot | undefined {
    return this.#reply && (this.#response ??= new ResponseRoot(this.#reply));
  }

  get source(): unknown {
    return this.#exchange.head.client;
  }

  get principal(): Principal | undefined {
    return this.#exchange.principal;
  }

  get jwt(): unknown {
    return this.#exchange.facts.get(claimsFact);
  }

  get apiKey(): unknown {
    const { principal } = this.#exchange;
    if (principal?.credential.kind !== 'apiKey') return undefined;
    return { ...principal.metadata, name: principal.credential.id, metadata: principal.metadata };
  }

  get llm(): LlmRoot | undefined {
    const { llm } = this.#exchange;
    return llm && new LlmRoot(llm);
  }

  get proxy(): ProxyRoot {
    return new ProxyRoot(this.#exchange);
  }
}

class RequestRoot {
  readonly #exchange: Exchange;
  #body: { readonly bytes: Uint8Array | undefined; readonly value: unknown } | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get method(): string {
    return this.#exchange.method;
  }

  get scheme(): string {
    return this.#exchange.scheme;
  }

  get host(): string {
    return this.#exchange.authority.replace(/:[0-9]*$/, '').toLowerCase();
  }

  get path(): string {
    return this.#exchange.path;
  }

  get pathAndQuery(): string {
    return this.#exchange.pathAndQuery;
  }

  get uri(): string {
    return `${this.#exchange.scheme}://${this.#exchange.authority}${this.#exchange.pathAndQuery}`;
  }

  get version(): string {
    return `HTTP/${this.#exchange.head.httpVersion}`;
  }

  get headers(): unknown {
    return headersOf(this.#exchange.headers);
  }

  get body(): unknown {
    const bytes = this.#exchange.body.buffered;
    if (this.#body?.bytes !== bytes || !this.#body)
      this.#body = { bytes, value: parsedBody(this.#exchange.body, this.#exchange.headers) };
    return this.#body.value;
  }

  get bodyPrefix(): Uint8Array | undefined {
    return this.#exchange.body.buffered;
  }

  get startTime(): unknown {
    return timestampOf(this.#exchange.head.startEpochMs);
  }
}

class ResponseRoot {
  readonly #reply: Reply;

  constructor(reply: Reply) {
    this.#reply = reply;
  }

  get code(): number {
    return this.#reply.status;
  }

  get grpcStatus(): number | undefined {
    const status = this.#reply.body.trailers?.get('grpc-status') ?? this.#reply.headers.get('grpc-status');
    return status !== undefined && /^[0-9]{1,3}$/.test(status) ? Number(status) : undefined;
  }

  get headers(): unknown {
    return headersOf(this.#reply.headers);
  }

  get body(): unknown {
    return parsedBody(this.#reply.body, this.#reply.headers);
  }

  get bodyPrefix(): Uint8Array | undefined {
    return this.#reply.body.buffered;
  }
}

class LlmRoot {
  readonly #facts: LlmFacts;

  constructor(facts: LlmFacts) {
    this.#facts = facts;
  }

  get streaming(): boolean {
    return this.#facts.isStreaming;
  }

  get requestModel(): string {
    return this.#facts.requestModel;
  }

  get responseModel(): string | undefined {
    return this.#facts.responseModel;
  }

  get provider(): string | undefined {
    return this.#facts.provider;
  }

  get params(): unknown {
    return this.#facts.params;
  }

  get serviceTier(): string | undefined {
    return this.#facts.usage?.serviceTier;
  }

  get inputTokens(): number | undefined {
    return this.#facts.usage?.inputTotal;
  }

  get outputTokens(): number | undefined {
    return this.#facts.usage?.outputTotal;
  }

  get totalTokens(): number | undefined {
    const { inputTotal, outputTotal } = this.#facts.usage ?? {};
    return inputTotal === undefined && outputTotal === undefined ? undefined : (inputTotal ?? 0) + (outputTotal ?? 0);
  }

  get cachedInputTokens(): number | undefined {
    return this.#facts.usage?.inputCacheRead;
  }

  get cacheCreationInputTokens(): number | undefined {
    const { inputCacheWrite5m, inputCacheWrite1h } = this.#facts.usage ?? {};
    return inputCacheWrite5m === undefined && inputCacheWrite1h === undefined
      ? undefined
      : (inputCacheWrite5m ?? 0) + (inputCacheWrite1h ?? 0);
  }

  get reasoningTokens(): number | undefined {
    return this.#facts.usage?.outputReasoning;
  }

  get inputAudioTokens(): number | undefined {
    return this.#facts.usage?.inputAudio;
  }

  get outputAudioTokens(): number | undefined {
    return this.#facts.usage?.outputAudio;
  }

  /** US dollars, as a double: expressions compare and print amounts, they do not account. */
  get cost(): unknown {
    const { costNano } = this.#facts;
    return costNano === undefined ? undefined : { total: Number(costNano) / 1e9 };
  }
}

class ProxyRoot {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get bind(): string {
    return this.#exchange.placement.bind;
  }

  get gateway(): unknown {
    return named(this.#exchange.placement.gateway);
  }

  get listener(): unknown {
    const { listener } = this.#exchange.placement;
    return listener === '' ? undefined : { name: fromKey(listener).section ?? listener };
  }

  get route(): unknown {
    const { route, rule } = this.#exchange.placement;
    return route === ''
      ? undefined
      : { ...named(route), kind: routeKinds[fromKey(route).kind] ?? fromKey(route).kind, rule };
  }
}

/** Route kinds as users write them, by the first part of a key. */
const routeKinds: Readonly<Record<string, string>> = { httproute: 'HTTPRoute' };

/** A key as expressions see it; undefined before the place is known. */
function named(key: string): { readonly namespace: string; readonly name: string } | undefined {
  if (key === '') return undefined;
  const { namespace, name } = fromKey(key);
  return { namespace, name };
}

function headersOf(headers: HeaderList): unknown {
  return headerMap(
    (name) => headers.combined(name),
    () => headers.entries(),
  );
}

/**
 * A body that was collected: its value where the message says that it is JSON and it is, else text; no body is empty text.
 * One that was not, such as an event stream, is not there: an expression that reads it fails, it does not see nothing.
 */
function parsedBody(body: Body, headers: HeaderList): unknown {
  const bytes = body.buffered;
  if (bytes === undefined) return body.kind === 'none' ? '' : undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!/^application\/([-.+\w]+\+)?json\s*(;|$)/i.test(headers.get('content-type') ?? '')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
