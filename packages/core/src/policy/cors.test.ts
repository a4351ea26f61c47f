// CORS, rule by rule (Fetch standard §3.2; GEP-1767).
import { describe, expect, test } from 'vitest';
import { isAccepted, makeExchange, makeReply, pairs, write, writeStep } from './fixture.ts';

const page = 'https://app.example.com';

function preflight(spec: object, origin = page, asked: [string, string][] = []) {
  const reply = writeStep('cors', spec).request?.(
    makeExchange({
      method: 'OPTIONS',
      headers: [['Origin', origin], ['Access-Control-Request-Method', 'PUT'], ...asked],
    }),
  );
  if (!reply || reply instanceof Promise) throw new Error('a preflight must be answered at once');
  return { status: reply.status, headers: Object.fromEntries(pairs(reply.headers)) };
}

function actual(spec: object, origin: string | undefined, headers: [string, string][] = [], method = 'GET') {
  const step = writeStep('cors', spec);
  const exchange = makeExchange({ method, headers: origin === undefined ? [] : [['origin', origin]] });
  expect(step.request?.(exchange)).toBeUndefined();
  const reply = makeReply(200, headers);
  void step.response?.(exchange, reply);
  return Object.fromEntries(pairs(reply.headers));
}

describe('origins', () => {
  test.each<[string, string, boolean]>([
    ['https://app.example.com', 'https://app.example.com', true],
    ['https://app.example.com', 'https://APP.example.com', true],
    ['https://app.example.com', 'http://app.example.com', false],
    ['https://app.example.com', 'https://app.example.com:8443', false],
    ['https://app.example.com', 'https://app.example.com.evil.org', false],
    ['https://app.example.com:8443', 'https://app.example.com:8443', true],
    ['https://*.bar.com', 'https://xpto.www.bar.com', true],
    ['https://*.bar.com', 'https://bar.com', false],
    ['https://*.bar.com', 'https://.bar.com', false],
    ['https://*.bar.com', 'https://evilbar.com', false],
    ['https://*.bar.com', 'http://www.bar.com', false],
    ['https://*.bar.com', 'https://www.bar.com:8443', false],
    ['https://*.bar.com', 'https://evil.org/.bar.com', false],
    ['https://*.bar.com:*', 'https://www.bar.com:8443', true],
    ['https://*.bar.com:*', 'https://www.bar.com', true],
    ['https://a.com:*', 'https://a.com:1', true],
    ['https://a.com:*', 'https://a.com:1x', false],
    ['https://a.com:*', 'https://aXcom:1', false],
    ['https://*', 'https://any.where', true],
    ['https://*', 'http://any.where', false],
    ['http://[::1]:3000', 'http://[::1]:3000', true],
    ['*', 'null', true],
    ['https://*', 'null', false],
  ])('%s allows %s: %s', (allowed, origin, wanted) => {
    const { headers } = preflight({ allowOrigins: [allowed] }, origin);
    expect(headers['access-control-allow-origin'] !== undefined).toBe(wanted);
    expect(actual({ allowOrigins: [allowed] }, origin)['access-control-allow-origin'] !== undefined).toBe(wanted);
  });
});

describe('preflight', () => {
  const asked: [string, string][] = [['access-control-request-headers', 'authorization, x-a']];

  test('an allowed one is answered whole', () => {
    expect(
      preflight({
        allowOrigins: [page],
        allowMethods: ['GET', 'PUT'],
        allowHeaders: ['x-a', 'x-b'],
        exposeHeaders: ['x-c'],
        allowCredentials: true,
        maxAge: 60,
      }),
    ).toEqual({
      status: 204,
      headers: {
        'access-control-allow-origin': page,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'x-c',
        'access-control-allow-methods': 'GET, PUT',
        'access-control-allow-headers': 'x-a, x-b',
        'access-control-max-age': '60',
        vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
      },
    });
  });

  test('one that is not allowed is answered without a grant', () => {
    expect(preflight({ allowOrigins: ['https://other.example'], allowMethods: ['*'], allowCredentials: true })).toEqual(
      {
        status: 204,
        headers: { vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers' },
      },
    );
  });

  test.each<[object, Record<string, string | undefined>]>([
    [{ allowOrigins: ['*'] }, { 'access-control-allow-origin': '*', 'access-control-max-age': '5' }],
    [
      { allowOrigins: ['*'], allowCredentials: false },
      { 'access-control-allow-origin': '*', 'access-control-allow-credentials': undefined },
    ],
    [
      { allowOrigins: ['*'], allowCredentials: true },
      { 'access-control-allow-origin': page, 'access-control-allow-credentials': 'true' },
    ],
    [{ allowOrigins: ['*'], allowMethods: ['*'] }, { 'access-control-allow-methods': '*' }],
    [{ allowOrigins: ['*'], allowMethods: ['*'], allowCredentials: true }, { 'access-control-allow-methods': 'PUT' }],
    [{ allowOrigins: ['*'], allowHeaders: ['*'] }, { 'access-control-allow-headers': 'authorization, x-a' }],
    [
      { allowOrigins: ['*'], allowHeaders: ['*'], allowCredentials: true },
      { 'access-control-allow-headers': 'authorization, x-a' },
    ],
    [{ allowOrigins: ['*'] }, { 'access-control-allow-methods': undefined, 'access-control-allow-headers': undefined }],
  ])('%j', (spec, wanted) => {
    const { headers } = preflight(spec, page, asked);
    for (const [name, value] of Object.entries(wanted)) expect([name, headers[name]]).toEqual([name, value]);
  });

  test('OPTIONS without a requested method is no preflight: it passes and is answered like any request', () => {
    expect(actual({ allowOrigins: [page] }, page, [], 'OPTIONS')['access-control-allow-origin']).toBe(page);
  });

  test('its own answer is not touched a second time', () => {
    const step = writeStep('cors', { allowOrigins: [page], allowMethods: ['GET'] });
    const exchange = makeExchange({
      method: 'OPTIONS',
      headers: [
        ['origin', page],
        ['access-control-request-method', 'PUT'],
      ],
    });
    const reply = step.request?.(exchange);
    if (!reply || reply instanceof Promise) throw new Error('a preflight must be answered at once');
    const before = pairs(reply.headers);
    void step.response?.(exchange, reply);
    expect(pairs(reply.headers)).toEqual(before);
  });
});

describe('actual requests', () => {
  const own: [string, string][] = [
    ['Access-Control-Allow-Origin', 'https://backend.says'],
    ['access-control-expose-headers', 'x-own'],
    ['content-type', 'text/plain'],
  ];

  test('a match replaces what the backend said', () => {
    expect(actual({ allowOrigins: [page], exposeHeaders: ['x-id'], allowCredentials: true }, page, own)).toEqual({
      'content-type': 'text/plain',
      'access-control-allow-origin': page,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-id',
      vary: 'Origin',
    });
  });

  test('no match takes it away', () => {
    expect(actual({ allowOrigins: ['https://other.example'] }, page, own)).toEqual({
      'content-type': 'text/plain',
      vary: 'Origin',
    });
  });

  test('without an origin nothing is granted, but caches are told', () => {
    expect(actual({ allowOrigins: [page] }, undefined)).toEqual({ vary: 'Origin' });
  });

  test('for everyone alike, caches need no telling', () => {
    expect(actual({ allowOrigins: ['*'] }, page)).toEqual({ 'access-control-allow-origin': '*' });
    expect(actual({ allowOrigins: ['*'] }, undefined)).toEqual({});
  });

  test.each<[string, string]>([
    ['Accept-Encoding', 'Accept-Encoding|Origin'],
    ['accept-encoding, ORIGIN', 'accept-encoding, ORIGIN'],
    ['*', '*'],
  ])('vary: %s', (before, wanted) => {
    const step = writeStep('cors', { allowOrigins: [page] });
    const exchange = makeExchange({ headers: [['origin', page]] });
    void step.request?.(exchange);
    const reply = makeReply(200, [['vary', before]]);
    void step.response?.(exchange, reply);
    expect(reply.headers.all('vary').join('|')).toBe(wanted);
  });

  test('with credentials, all headers are exposed by name', () => {
    const headers = actual({ allowOrigins: [page], exposeHeaders: ['*'], allowCredentials: true }, page, [
      ['X-Id', '1'],
      ['x-id', '2'],
    ]);
    expect(headers['access-control-expose-headers']).toBe('x-id');
    expect(actual({ allowOrigins: [page], exposeHeaders: ['*'] }, page)['access-control-expose-headers']).toBe('*');
  });

  test('what later steps do to the request changes nothing', () => {
    const step = writeStep('cors', { allowOrigins: [page] });
    const exchange = makeExchange({ headers: [['origin', page]] });
    void step.request?.(exchange);
    exchange.headers.remove('origin');
    exchange.method = 'OPTIONS';
    const reply = makeReply(401);
    void step.response?.(exchange, reply);
    expect(reply.headers.get('access-control-allow-origin')).toBe(page);
  });
});

describe('schema and checks', () => {
  test.each<[boolean, unknown]>([
    [true, {}],
    [true, { allowOrigins: ['*'], maxAge: 1 }],
    [false, { maxAge: 0 }],
    [false, { allowOrigins: '*' }],
    [false, { allowOrigin: ['*'] }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('cors', spec)).toBe(isFine));

  test.each([
    [{ allowOrigins: ['*', 'app.example.com'] }, 'allowOrigins[1]'],
    [{ allowOrigins: ['https://a.*.com'] }, 'allowOrigins[0]'],
    [{ allowOrigins: ['https://a.com/path'] }, 'allowOrigins[0]'],
    [{ allowMethods: ['GET POST'] }, 'allowMethods[0]'],
    [{ allowHeaders: ['x-a', 'x: b'] }, 'allowHeaders[1]'],
    [{ exposeHeaders: ['a\r\nb'] }, 'exposeHeaders[0]'],
  ])('%j is a problem at %s', (spec, path) => {
    expect(write('cors', spec).problems.map((problem) => problem.path)).toEqual([path]);
  });
});
