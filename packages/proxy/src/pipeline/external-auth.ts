// Asks a server of each request whether it may pass, over HTTP or over Envoy's ext_authz in gRPC (Gateway API HTTPExternalAuthFilter).
import { type ExternalAuth, ExternalAuth_Protocol } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { Exchange, type Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Step } from '@agentgateway/core/phases.ts';
import type { RuleSettings } from '@agentgateway/core/settings.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import type { StepPlan } from '../snapshot/snapshot.ts';
import { checkPath, fromCheckBody, toCheckBody } from './check-messages.ts';

/** Limits of asking. */
export const externalAuthLimits = {
  /** Longest that an answer may take, in milliseconds. */
  timeoutMs: 5000,
  /** Longest body of an answer, in bytes. */
  answerBytesMax: 64 * 1024,
} as const;

/** What is asked of one rule's requests. */
export interface ExternalAuthPart {
  readonly message: ExternalAuth;
  readonly environment: BackendEnvironment;
}

/** Compiles it. Throws for a protocol of newer versions: what it asks would be left out. */
export function compileExternalAuth(message: ExternalAuth, environment: BackendEnvironment): ExternalAuthPart {
  if (message.protocol !== ExternalAuth_Protocol.HTTP && message.protocol !== ExternalAuth_Protocol.GRPC)
    throw new Error('this protocol of external authorization is not known to this version');
  return { message, environment };
}

/** What was decided. */
interface Verdict {
  /** The answer that the client gets; undefined lets the request pass. */
  readonly refusal: Reply | undefined;
  /** Fields of the request: what is set, and names that are taken out before. */
  readonly set: readonly (readonly [string, string])[];
  readonly removed: readonly string[];
  /** Added to the answer of the backend. */
  readonly answer: readonly (readonly [string, string])[];
}

/** What the server is called with beside its own policies. */
interface Call {
  readonly part: ExternalAuthPart;
  readonly plan: StepPlan;
  readonly settings: RuleSettings;
}

/** The step that asks; `plan` and `settings` are what is attached to the server's backend. */
export function externalAuthStep(part: ExternalAuthPart, plan: StepPlan, settings: RuleSettings): Step {
  const call: Call = { part, plan, settings };
  const isGrpc = part.message.protocol === ExternalAuth_Protocol.GRPC;
  return {
    isMandatory: true,
    async request(exchange) {
      const body = await bodyOf(exchange, part.message.bodyBytesMax);
      const { refusal, set, removed, answer } = await (isGrpc ? askGrpc : askHttp)(exchange, body, call);
      if (refusal) return refuse(exchange, refusal);
      for (const name of removed) exchange.headers.remove(name);
      for (const [name, value] of set) exchange.headers.set(name, value);
      if (answer.length > 0) exchange.facts.set(answerFact, answer);
      return undefined;
    },
    response(exchange, { headers }) {
      const answer = (exchange.facts.get(answerFact) ?? []) as Verdict['answer'];
      for (const [name, value] of answer) headers.set(name, value);
    },
  };
}

const answerFact = 'externalAuthAnswer';

/** The body as far as it is sent along; a longer one is refused. */
async function bodyOf({ body }: Exchange, bytesMax: number): Promise<Uint8Array | undefined> {
  if (bytesMax === 0) return undefined;
  const bytes = await body.bytes(bytesMax, 'request-too-large');
  if (bytes.byteLength > bytesMax)
    throw new GatewayError(
      'request-too-large',
      `the body is longer than ${bytesMax} bytes, which authorization allows`,
    );
  return bytes;
}

/** An answer of the server as the client's; gRPC callers get it in their own words. */
function refuse({ dialect }: Exchange, refusal: Reply): Reply {
  if (dialect === 'grpc')
    throw new GatewayError(
      refusal.status === 401 ? 'unauthenticated' : 'forbidden',
      'the authorization server refuses this request',
    );
  return refusal;
}

/** Fields of an answer that are about itself and its connection (RFC 9110 §7.6.1, §8). */
const ownFields = new Set([
  'connection',
  'date',
  'host',
  'keep-alive',
  'server',
  'trailer',
  'transfer-encoding',
  'x-request-id',
]);
const isOwn = (name: string): boolean => ownFields.has(name) || name.startsWith('content-');

async function askHttp(exchange: Exchange, body: Uint8Array | undefined, call: Call): Promise<Verdict> {
  const { pathPrefix, requestHeaders, responseHeaders } = call.part.message;
  const sent = new Set([...requestHeaders, 'authorization']);
  const headers = HeaderList.from(exchange.headers.entries().filter(([name]) => sent.has(name.toLowerCase())));
  const { method, path } = exchange;
  const reply = await send(exchange, { method, path: pathPrefix + path, headers, body }, call);
  const bytes = await reply.body.bytes(externalAuthLimits.answerBytesMax, 'response-too-large');
  if (reply.status >= 500)
    throw new GatewayError('upstream-protocol-error', `the authorization server failed with status ${reply.status}`);
  if (reply.status !== 200) return refusedWith(reply.status, reply.headers, bytes);
  const taken = new Set(responseHeaders);
  const set = reply.headers
    .entries()
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => (taken.size > 0 ? taken.has(name) : !isOwn(name)))
    .toArray();
  // What the server is to say nobody else may.
  return { refusal: undefined, set, removed: responseHeaders, answer: [] };
}

async function askGrpc(exchange: Exchange, body: Uint8Array | undefined, call: Call): Promise<Verdict> {
  const headers = HeaderList.from([
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ]);
  const check = toCheckBody(exchange, body, call.part.message.requestHeaders);
  const reply = await send(exchange, { method: 'POST', path: checkPath, headers, body: check }, call);
  const bytes = await reply.body.bytes(externalAuthLimits.answerBytesMax, 'response-too-large');
  const status = reply.body.trailers?.get('grpc-status') ?? reply.headers.get('grpc-status');
  if (reply.status !== 200 || status !== '0')
    throw new GatewayError(
      'upstream-protocol-error',
      `the authorization server failed with status ${status ?? 'none'}`,
    );
  const { allowed, denied } = fromCheckBody(bytes);
  if (allowed) return { refusal: undefined, ...allowed };
  return refusedWith(denied.status, HeaderList.from(denied.headers), Buffer.from(denied.body));
}

function refusedWith(status: number, received: HeaderList, bytes: Uint8Array): Verdict {
  const headers = HeaderList.from(
    received.entries().filter(([name]) => !isOwn(name.toLowerCase()) || name.toLowerCase() === 'content-type'),
  );
  const reason = status === 401 ? ('unauthenticated' as const) : ('forbidden' as const);
  const refusal: Reply = { status, headers, body: Body.of(bytes), origin: 'policy', reason };
  return { refusal, set: [], removed: [], answer: [] };
}

interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | undefined;
}

/** Calls the server as a backend, with what policies say of it. */
async function send(exchange: Exchange, question: Question, { part, plan, settings }: Call): Promise<Reply> {
  const { message, environment } = part;
  const { method, path, headers, body } = question;
  const head = {
    ...exchange.head,
    method,
    path,
    query: message.protocol === ExternalAuth_Protocol.GRPC ? undefined : exchange.query,
    headers,
    body: body && body.byteLength > 0 ? Body.of(body) : Body.none(),
    upgrade: undefined,
    startMs: environment.monotonicMs(),
    startEpochMs: environment.now(),
  };
  const asking = new Exchange(head, exchange.snapshot);
  asking.authority = exchange.authority;
  const stopCancel = exchange.onCancel((reason) => asking.cancel(reason));
  try {
    for (const { step } of plan.steps)
      if (await step.request?.(asking))
        throw new GatewayError('forbidden', 'a policy refuses to ask the authorization server');
    const target = exchange.snapshot.backend(message.backend);
    if (!target) throw new GatewayError('backend-invalid', `backend ${message.backend} does not exist`);
    const timeouts = { ...settings.timeouts, backendRequestMs: externalAuthLimits.timeoutMs };
    const call: CallPlan = {
      settings: { ...settings, timeouts, retry: undefined },
      port: message.port,
      protocol: message.protocol === ExternalAuth_Protocol.GRPC ? 'http2' : 'http1',
    };
    const reply = await target.call(asking, call);
    exchange.keep(reply.body);
    return reply;
  } finally {
    stopCancel();
  }
}
