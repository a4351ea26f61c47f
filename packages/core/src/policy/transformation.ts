// Rewrites requests and responses with CEL: headers, pseudo-headers and bodies.
import { type CelContext, type Expression, compile, toText } from '@agentgateway/cel';
import { create } from '@bufbuild/protobuf';
import {
  type Transform,
  TransformSchema,
  TransformationSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { Body } from '../body.ts';
import { GatewayError } from '../errors.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { celContext, readsRequestBody, readsResponseBody } from '../expression.ts';
import { cel, list, strict, text } from '../schema/dialect.ts';
import { celProblems, celRoots, headerNameProblems, isHeaderValue, token } from './check.ts';
import { type Problem, definePolicy } from './define.ts';

const expressions = list(
  strict({
    name: text(256).describe(
      'Name of the header, or :method, :scheme, :authority, :path of a request, :status of an answer.',
    ),
    expression: cel().describe('CEL; its value becomes text.'),
  }),
  32,
);
const transform = strict({
  set: expressions.optional().describe('Replaces every field of the name.'),
  add: expressions.optional().describe('Adds a field beside those that are there.'),
  remove: list(text(256)).optional().describe('Names of the headers that are taken out, after set and add.'),
  body: cel().optional().describe('CEL whose value becomes the body: bytes as they are, anything else as text.'),
});

const pseudo = { request: [':method', ':scheme', ':authority', ':path'], response: [':status'] } as const;

interface TransformSpec {
  readonly set?: readonly { readonly name: string; readonly expression: string }[] | undefined;
  readonly add?: readonly { readonly name: string; readonly expression: string }[] | undefined;
  readonly remove?: readonly string[] | undefined;
  readonly body?: string | undefined;
}

/** Computes headers and bodies. */
export const transformation = definePolicy({
  kind: 'transformation',
  summary: 'Computes headers, :method, :scheme, :authority, :path, :status and bodies with CEL.',
  phase: 'transform',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'fields',
  schema: strict({
    request: transform.optional().describe('On the way to the backend.'),
    response: transform.optional().describe('On the way to the client.'),
  }),
  translate: ({ request, response }) =>
    create(TransformationSchema, {
      ...(request && { request: toTransform(request) }),
      ...(response && { response: toTransform(response) }),
    }),
  check: ({ request, response }) => [...problemsOf(request, 'request'), ...problemsOf(response, 'response')],
  compile({ request, response }) {
    const before = request && compileTransform(request, 'request');
    const after = response && compileTransform(response, 'response');
    return {
      readsRequestBody: (before?.readsRequestBody ?? false) || (after?.readsRequestBody ?? false),
      readsResponseBody: after?.readsResponseBody ?? false,
      ...(before && {
        request(exchange) {
          applyRequest(before, exchange);
          return undefined;
        },
      }),
      ...(after && { response: (exchange, reply) => applyResponse(after, exchange, reply) }),
    };
  },
});

interface CompiledTransform {
  readonly set: readonly { readonly name: string; readonly expression: Expression }[];
  readonly add: readonly { readonly name: string; readonly expression: Expression }[];
  readonly remove: readonly string[];
  readonly body: Expression | undefined;
  readonly readsRequestBody: boolean;
  readonly readsResponseBody: boolean;
}

function toTransform({ set = [], add = [], remove = [], body }: TransformSpec): Transform {
  return create(TransformSchema, {
    set: set.map((entry) => ({ ...entry })),
    add: add.map((entry) => ({ ...entry })),
    remove: [...remove],
    ...(body !== undefined && { body }),
  });
}

function compileTransform({ set, add, remove, body }: Transform, half: keyof typeof celRoots): CompiledTransform {
  const compileOne = (source: string): Expression => compile(source, { roots: celRoots[half] });
  const named = (entries: Transform['set']): CompiledTransform['set'] =>
    entries.map(({ name, expression }) => ({ name, expression: compileOne(expression) }));
  const compiled = {
    set: named(set),
    add: named(add),
    remove: remove.map((name) => name.toLowerCase()),
    body: body === undefined ? undefined : compileOne(body),
  };
  const all = [...compiled.set, ...compiled.add].map(({ expression }) => expression);
  if (compiled.body) all.push(compiled.body);
  return { ...compiled, readsRequestBody: readsRequestBody(all), readsResponseBody: readsResponseBody(all) };
}

function applyRequest(compiled: CompiledTransform, exchange: Exchange): void {
  const context = celContext(exchange);
  const edits = evaluate(compiled, context);
  for (const { name, value, verb } of edits.headers) {
    if (name.startsWith(':')) setPseudo(exchange, name, value);
    else if (verb === 'set') exchange.headers.set(name, value);
    else exchange.headers.append(name, value);
  }
  for (const name of compiled.remove) exchange.headers.remove(name);
  if (edits.body === undefined) return;
  exchange.body.replace(edits.body);
  exchange.headers.remove('content-length');
  exchange.headers.remove('content-encoding');
}

/** Sets a part of the request line, which a computed text must not be able to break out of. */
function setPseudo(exchange: Exchange, name: string, value: string): void {
  const isValid = pseudoValues[name as keyof typeof pseudoValues].test(value);
  if (!isValid)
    throw new GatewayError(
      'transformation-failed',
      `the transformation of ${name} gave a value that cannot stand there`,
    );
  if (name === ':method') exchange.method = value;
  else if (name === ':scheme') exchange.scheme = value as Exchange['scheme'];
  else if (name === ':authority') exchange.authority = value;
  else [exchange.path = '/', exchange.query] = splitPath(value);
}

const pseudoValues = {
  ':method': token,
  ':scheme': /^https?$/,
  ':authority': /^([-._~%!$&'()*+,;=0-9A-Za-z]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$/,
  ':path': /^\/[!"$-~]*$/,
} as const;

function applyResponse(compiled: CompiledTransform, exchange: Exchange, reply: Reply): void {
  const edits = evaluate(compiled, celContext(exchange, reply));
  for (const { name, value, verb } of edits.headers) {
    if (name === ':status') reply.status = toStatus(value);
    else if (verb === 'set') reply.headers.set(name, value);
    else reply.headers.append(name, value);
  }
  for (const name of compiled.remove) reply.headers.remove(name);
  if (edits.body === undefined) return;
  reply.body.cancel(new Error('a policy replaced the body'));
  reply.body = Body.of(edits.body);
  reply.headers.remove('content-length');
  reply.headers.remove('content-encoding');
}

interface Edits {
  readonly headers: readonly { readonly name: string; readonly value: string; readonly verb: 'set' | 'add' }[];
  readonly body: Uint8Array | undefined;
}

/** Evaluates everything against the message as it was, so that the order of entries means nothing. */
function evaluate(compiled: CompiledTransform, context: CelContext): Edits {
  const headers = (['set', 'add'] as const).flatMap((verb) =>
    compiled[verb].map(({ name, expression }) => ({ name, verb, value: run(expression, context, name, toText) })),
  );
  for (const { name, value } of headers)
    if (!isHeaderValue(value))
      throw new GatewayError(
        'transformation-failed',
        `the transformation of ${name} gave a value with control characters`,
      );
  return { headers, body: compiled.body && run(compiled.body, context, 'body', toBytes) };
}

/** Bytes as they are, all else as its text. */
function toBytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(toText(value));
}

function run<T>(expression: Expression, context: CelContext, subject: string, convert: (value: unknown) => T): T {
  try {
    return convert(expression.evaluate(context));
  } catch (error) {
    throw new GatewayError('transformation-failed', `the transformation of ${subject} failed`, { cause: error });
  }
}

function splitPath(value: string): [string, string | undefined] {
  const mark = value.indexOf('?');
  return mark < 0 ? [value, undefined] : [value.slice(0, mark), value.slice(mark + 1)];
}

function toStatus(value: string): number {
  const status = Number(value);
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new GatewayError('transformation-failed', 'the transformation of :status gave no status from 200 to 599');
  return status;
}

function nameProblems(name: string, verb: 'set' | 'add', known: readonly string[], path: string): Problem[] {
  if (!name.startsWith(':')) return headerNameProblems(name, path);
  if (!known.includes(name)) return [{ path, message: `'${name}' is not one of ${known.join(', ')}` }];
  return verb === 'set' ? [] : [{ path, message: `'${name}' has one value: it can be set, not added` }];
}

function problemsOf(message: Transform | undefined, half: 'request' | 'response'): Problem[] {
  if (!message) return [];
  const known: readonly string[] = pseudo[half];
  const named = (['set', 'add'] as const).flatMap((verb) =>
    message[verb].flatMap(({ name, expression }, index) => [
      ...nameProblems(name, verb, known, `${half}.${verb}[${index}].name`),
      ...celProblems(expression, `${half}.${verb}[${index}].expression`, { half, result: 'any' }),
    ]),
  );
  return [
    ...named,
    ...message.remove.flatMap((name, index) => headerNameProblems(name, `${half}.remove[${index}]`)),
    ...(message.body === undefined ? [] : celProblems(message.body, `${half}.body`, { half, result: 'any' })),
  ];
}
