// What expressions see of an exchange, and that only what they read is made.
import { type CelContext, compile, toJson } from '@agentgateway/cel';
import { describe, expect, test } from 'vitest';
import { Body, toSource } from './body.ts';
import type { Exchange, Principal, Reply } from './exchange.ts';
import { celContext, claimsFact, policyRoots } from './expression.ts';
import { HeaderList } from './header-list.ts';
import { type HeadInput, makeExchange, makeReply } from './policy/fixture.ts';

function evaluate(source: string, exchange: Exchange, reply?: Reply): unknown {
  return compile(source, { roots: policyRoots }).evaluate(celContext(exchange, reply));
}

const principal: Principal = {
  subject: 'ada',
  groups: ['eng'],
  organization: undefined,
  team: 'core',
  metadata: { plan: 'pro', name: 'shadowed' },
  credential: { kind: 'apiKey', id: 'laptop' },
  allowedModels: ['secret-model'],
};

const head: HeadInput = {
  method: 'POST',
  authority: 'API.example.com:8080',
  path: '/v1/chat',
  query: 'a=1',
  headers: [
    ['X-A', '1'],
    ['x-a', '2'],
    ['content-type', 'application/json; charset=utf-8'],
  ],
  body: '{"model":"m","n":1}',
  placement: {
    bind: '0.0.0.0:8080',
    gateway: 'gateway/default/main',
    listener: 'listener/default/main/http',
    route: 'httproute/shop/cart',
    rule: 'first',
  },
};

test.each<[string, unknown]>([
  ['request.method', 'POST'],
  ['request.scheme', 'http'],
  ['request.host', 'api.example.com'],
  ['request.path', '/v1/chat'],
  ['request.pathAndQuery', '/v1/chat?a=1'],
  ['request.uri', 'http://API.example.com:8080/v1/chat?a=1'],
  ['request.version', 'HTTP/1.1'],
  ['request.headers["x-A"]', '1, 2'],
  ['request.body.model', 'm'],
  ['request.body.n + 1', 2],
  ['size(request.bodyPrefix)', 19],
  ['request.startTime.getFullYear()', 2027],
  ['has(request.endTime)', false],
  ['source.address', '192.0.2.7'],
  ['source.port', 40_000],
  ['has(source.identity)', false],
  [
    'proxy',
    {
      bind: '0.0.0.0:8080',
      gateway: { namespace: 'default', name: 'main' },
      listener: { name: 'http' },
      route: { namespace: 'shop', name: 'cart', kind: 'HTTPRoute', rule: 'first' },
    },
  ],
  ['response.size()', 0],
  ['principal.size()', 0],
  ['jwt.size()', 0],
  ['apiKey.size()', 0],
  ['llm.size()', 0],
])('%s', (source, wanted) => expect(toJson(evaluate(source, makeExchange(head)))).toEqual(wanted));

function known(): Exchange {
  return Object.assign(makeExchange(), { principal });
}

describe('principal', () => {
  test.each<[string, unknown]>([
    [
      'principal',
      {
        subject: 'ada',
        groups: ['eng'],
        team: 'core',
        metadata: { plan: 'pro', name: 'shadowed' },
        credential: { kind: 'apiKey', id: 'laptop' },
      },
    ],
    ['principal.credential.kind', 'apiKey'],
    ['has(principal.organization)', false],
    ['apiKey.plan', 'pro'],
    ['apiKey.name', 'laptop'],
    ['apiKey.metadata.name', 'shadowed'],
  ])('%s', (source, wanted) => expect(toJson(evaluate(source, known()))).toEqual(wanted));

  test('what is not known is missing, so that a budget’s key fails instead of being empty', () => {
    expect(() => evaluate('principal.organization', known())).toThrow(expect.objectContaining({ code: 'missing' }));
    expect(() => evaluate('principal.subject', makeExchange())).toThrow(expect.objectContaining({ code: 'missing' }));
  });

  test('apiKey is there for keys only, jwt for tokens only', () => {
    const exchange = Object.assign(makeExchange(), {
      principal: { ...principal, credential: { kind: 'jwt' as const, id: 'x' } },
    });
    exchange.facts.set(claimsFact, { sub: 'ada', exp: 1_900_000_000 });
    expect(evaluate('apiKey.size()', exchange)).toBe(0n);
    expect(evaluate('jwt.sub == principal.subject && timestamp(jwt.exp).getFullYear() == 2030', exchange)).toBe(true);
  });
});

test('the LLM call, as far as it is known', () => {
  const exchange = makeExchange();
  exchange.llm = {
    operation: 'chat',
    format: 'chat',
    requestModel: 'smart',
    modelLabel: 'smart',
    isStreaming: true,
    params: { temperature: 0.5 },
  };
  expect(toJson(evaluate('llm', exchange))).toEqual({
    streaming: true,
    requestModel: 'smart',
    params: { temperature: 0.5 },
  });
  Object.assign(exchange.llm, {
    provider: 'openai',
    responseModel: 'gpt-6',
    costNano: 1_500_000n,
    usage: {
      inputTotal: 10,
      inputCacheRead: 4,
      inputCacheWrite5m: 1,
      inputCacheWrite1h: 2,
      outputTotal: 5,
      outputReasoning: 3,
      serviceTier: 'flex',
      source: 'reported',
    },
  });
  expect(toJson(evaluate('llm', exchange))).toEqual({
    streaming: true,
    requestModel: 'smart',
    responseModel: 'gpt-6',
    provider: 'openai',
    params: { temperature: 0.5 },
    serviceTier: 'flex',
    inputTokens: 10,
    outputTokens: 5,
    totalTokens: 15,
    cachedInputTokens: 4,
    cacheCreationInputTokens: 3,
    reasoningTokens: 3,
    cost: { total: 0.0015 },
  });
});

describe('response', () => {
  test.each<[string, unknown]>([
    ['response.code', 503],
    ['response.headers["RETRY-after"]', '7'],
    ['response.body', 'text'],
    ['response.grpcStatus', 14],
    ['request.method', 'GET'],
  ])('%s', (source, wanted) => {
    const reply = makeReply(
      503,
      [
        ['Retry-After', '7'],
        ['grpc-status', '14'],
      ],
      'text',
    );
    expect(toJson(evaluate(source, makeExchange(), reply))).toEqual(wanted);
  });

  test('trailers speak before headers', () => {
    const reply = makeReply(200, [['grpc-status', '0']]);
    reply.body.trailers = HeaderList.from([['grpc-status', '5']]);
    expect(evaluate('response.grpcStatus', makeExchange(), reply)).toBe(5n);
  });
});

test('a body that was not collected is not there, and so never taken for an empty one', () => {
  const reply = { ...makeReply(200, []), body: Body.from(toSource(Buffer.from('data: x'))) };
  expect(() => evaluate('response.body == ""', makeExchange(), reply)).toThrow(
    expect.objectContaining({ code: 'missing' }),
  );
  expect(evaluate('response.body', makeExchange(), makeReply(200, []))).toBe('');
});

test('edits of earlier policies are seen', () => {
  const exchange = makeExchange(head);
  const context = celContext(exchange);
  const path = compile('request.path + string(request.body.n)', { roots: policyRoots });
  expect(path.evaluate(context)).toBe('/v1/chat1');
  exchange.path = '/new';
  exchange.body.replace(Buffer.from('{"n":2}'));
  expect(path.evaluate(context)).toBe('/new2');
});

test('what is not read is not touched', () => {
  const touched = new Set<PropertyKey>();
  const watched = (name: string, target: object): never =>
    new Proxy(target, {
      get(object, member, receiver) {
        touched.add(`${name}.${String(member)}`);
        const value: unknown = Reflect.get(object, member, receiver);
        return typeof value === 'function' ? (value.bind(object) as unknown) : value;
      },
    }) as never;
  const exchange = Object.assign(makeExchange(head), { principal });
  const context: CelContext = celContext(watched('exchange', exchange));
  expect(compile('principal.team == "core"').evaluate(context)).toBe(true);
  expect([...touched]).toEqual(['exchange.principal']);
});
