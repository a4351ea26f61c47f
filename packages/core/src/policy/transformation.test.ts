// Transformations: headers, parts of the request line, status and bodies computed by CEL, and what failing ones do.
import { describe, expect, test } from 'vitest';
import type { Exchange, Reply } from '../exchange.ts';
import { type HeadInput, isAccepted, makeExchange, makeReply, pairs, write, writeStep } from './fixture.ts';

const set = (name: string, expression: string) => ({ set: [{ name, expression }] });
const head: HeadInput = {
  method: 'POST',
  path: '/v1/chat',
  query: 'a=1',
  headers: [
    ['X-Team', 'red'],
    ['content-length', '2'],
  ],
};

function request(transform: object, input: HeadInput = head): Exchange {
  const exchange = makeExchange(input);
  expect(writeStep('transformation', { request: transform }).request?.(exchange)).toBeUndefined();
  return exchange;
}

function response(transform: object, reply: Reply = makeReply(200, [['x-a', '1']]), input: HeadInput = head): Reply {
  void writeStep('transformation', { response: transform }).response?.(makeExchange(input), reply);
  return reply;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('utf8');
}

describe('headers', () => {
  test.each<[object, [string, string][]]>([
    [
      set('x-b', 'request.headers["x-team"] + "!"'),
      [
        ['X-Team', 'red'],
        ['x-b', 'red!'],
      ],
    ],
    [set('x-team', '"blue"'), [['x-team', 'blue']]],
    [
      { add: [{ name: 'X-Team', expression: 'string(1 + 1)' }] },
      [
        ['X-Team', 'red'],
        ['X-Team', '2'],
      ],
    ],
    [{ remove: ['X-TEAM'] }, []],
    [
      set('x-n', '1 + 1'),
      [
        ['X-Team', 'red'],
        ['x-n', '2'],
      ],
    ],
    [
      set('x-n', 'null'),
      [
        ['X-Team', 'red'],
        ['x-n', ''],
      ],
    ],
    [
      set('x-n', '["a", 1]'),
      [
        ['X-Team', 'red'],
        ['x-n', '["a",1]'],
      ],
    ],
    [
      set('x-n', 'default(request.headers["x-missing"], "none")'),
      [
        ['X-Team', 'red'],
        ['x-n', 'none'],
      ],
    ],
  ])('%j', (transform, wanted) => {
    expect(pairs(request(transform).headers).filter(([name]) => name !== 'content-length')).toEqual(wanted);
  });

  test('all see the message as it was, so their order means nothing', () => {
    const entries = [
      { name: 'x-1', expression: 'default(request.headers["x-2"], "none")' },
      { name: 'x-2', expression: 'default(request.headers["x-1"], "none")' },
    ];
    const { headers } = request({ set: entries });
    expect([headers.get('x-1'), headers.get('x-2')]).toEqual(['none', 'none']);
  });

  test('of replies, by what the request was', () => {
    const reply = response({
      ...set('x-b', 'request.path + response.headers["X-A"] + string(response.code)'),
      remove: ['x-a'],
    });
    expect(pairs(reply.headers)).toEqual([['x-b', '/v1/chat1200']]);
  });
});

describe('parts of the request line', () => {
  test.each<[string, string, Partial<Exchange>]>([
    [':method', '"PUT"', { method: 'PUT' }],
    [':scheme', '"https"', { scheme: 'https' }],
    [':authority', '"b.example:8080"', { authority: 'b.example:8080' }],
    [':authority', '"[::1]:80"', { authority: '[::1]:80' }],
    [':path', '"/new"', { path: '/new', query: undefined }],
    [':path', 'request.pathAndQuery.setQuery("a", "2")', { path: '/v1/chat', query: 'a=2' }],
    [':path', '"/x?"', { path: '/x', query: '' }],
  ])('%s = %s', (name, expression, wanted) => {
    expect(request(set(name, expression))).toMatchObject(wanted);
  });

  test.each([
    [':method', '"GET /evil"'],
    [':method', '""'],
    [':scheme', '"ftp"'],
    [':authority', '"a b"'],
    [':authority', '"user@host"'],
    [':authority', '"host/path"'],
    [':path', '"no-slash"'],
    [':path', '"/a HTTP/1.1"'],
    [':path', '"/a#b"'],
    [':path', '"/é"'],
    ['x-a', '"a\\r\\nb: c"'],
    ['x-a', '"a\\u0000"'],
  ])('%s = %s is refused and changes nothing', (name, expression) => {
    const exchange = makeExchange(head);
    const before = [exchange.method, exchange.authority, exchange.pathAndQuery, pairs(exchange.headers)];
    const step = writeStep('transformation', { request: set(name, expression) });
    expect(() => step.request?.(exchange)).toThrow(expect.objectContaining({ reason: 'transformation-failed' }));
    expect([exchange.method, exchange.authority, exchange.pathAndQuery, pairs(exchange.headers)]).toEqual(before);
  });
});

describe('status', () => {
  test.each([200, 204, 404, 599])('%d', (status) => {
    expect(response(set(':status', String(status))).status).toBe(status);
  });

  test.each(['101', '600', '"ok"', '1.5', 'null', 'true'])('%s is refused', (expression) => {
    expect(() => response(set(':status', expression))).toThrow(
      expect.objectContaining({ reason: 'transformation-failed' }),
    );
  });
});

describe('bodies', () => {
  test('of requests, from the body there was; length and coding go with it', () => {
    const exchange = request(
      { body: 'toJson(request.body.merge({"model": "b"}))' },
      {
        ...head,
        headers: [
          ['content-type', 'application/json'],
          ['content-length', '13'],
          ['content-encoding', 'br'],
        ],
        body: '{"model":"a"}',
      },
    );
    expect(text(exchange.body.buffered)).toBe('{"model":"b"}');
    expect(pairs(exchange.headers)).toEqual([['content-type', 'application/json']]);
  });

  test('that is no JSON is text', () => {
    expect(text(request({ body: 'request.body + "!"' }, { ...head, body: '{"a":1}' }).body.buffered)).toBe('{"a":1}!');
    const broken: HeadInput = { headers: [['content-type', 'application/json']], body: '{' };
    expect(text(request({ body: 'request.body + "!"' }, broken).body.buffered)).toBe('{!');
  });

  test('bytes stay bytes', () => {
    expect(request({ body: 'b"\\xff\\x00"' }).body.buffered).toEqual(new Uint8Array([0xff, 0]));
  });

  test('of replies: the old one is given up', () => {
    const reply = makeReply(
      200,
      [
        ['content-length', '3'],
        ['content-encoding', 'gzip'],
        ['x-a', '1'],
      ],
      'old',
    );
    response({ body: '"new " + response.body' }, reply);
    expect(text(reply.body.buffered)).toBe('new old');
    expect(pairs(reply.headers)).toEqual([['x-a', '1']]);
  });

  test.each<[object, boolean, boolean]>([
    [{ request: set('x', 'request.path') }, false, false],
    [{ request: set('x', 'request.body.model') }, true, false],
    [{ response: set('x', 'request.body.model') }, true, false],
    [{ response: set('x', 'response.body') }, false, true],
    [{ response: { body: '"fixed"' } }, false, false],
    [{ response: set('x', 'toJson(response)') }, false, true],
  ])('%j reads request %s, response %s', (spec, requestBody, responseBody) => {
    expect(writeStep('transformation', spec)).toMatchObject({
      readsRequestBody: requestBody,
      readsResponseBody: responseBody,
    });
  });
});

test('a failing expression refuses the exchange, tells its field and no value', () => {
  const step = writeStep('transformation', { request: set('x-user', 'int(request.headers["x-team"])') });
  expect(() => step.request?.(makeExchange(head))).toThrow(
    expect.objectContaining({ reason: 'transformation-failed', message: 'the transformation of x-user failed' }),
  );
});

describe('schema and checks', () => {
  test.each<[boolean, unknown]>([
    [true, { request: {} }],
    [false, { request: { set: [{ name: 'a' }] } }],
    [false, { request: { replace: [] } }],
    [false, { both: {} }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('transformation', spec)).toBe(isFine));

  test.each([
    [{ request: set(':status', '200') }, 'request.set[0].name'],
    [{ response: set(':path', '"/"') }, 'response.set[0].name'],
    [{ request: { add: [{ name: ':path', expression: '"/"' }] } }, 'request.add[0].name'],
    [{ request: { remove: [':path'] } }, 'request.remove[0]'],
    [{ request: set('connection', '"close"') }, 'request.set[0].name'],
    [{ request: set('x', 'request.pth') }, 'request.set[0].expression'],
    [{ response: { body: '1 +' } }, 'response.body'],
  ])('%j is a problem at %s', (spec, path) => {
    expect(write('transformation', spec).problems.map((problem) => problem.path)).toEqual([path]);
  });
});

test.each(['llm.provider', 'string(response.code)'])('%s exists on the way back only', (expression) => {
  const set = [{ name: 'x', expression }];
  expect(write('transformation', { response: { set } }).problems).toEqual([]);
  expect(write('transformation', { request: { set, body: expression } }).problems).toMatchObject([
    { path: 'request.set[0].expression', message: expect.stringContaining('not available here') },
    { path: 'request.body', message: expect.stringContaining('not available here') },
  ]);
});
