// Header modifiers: set, add, remove, in that order, in any case, on both halves (Gateway API HTTPHeaderFilter).
import { describe, expect, test } from 'vitest';
import { isAccepted, makeExchange, makeReply, pairs, write, writeStep } from './fixture.ts';

const before: [string, string][] = [
  ['X-A', '1'],
  ['x-a', '2'],
  ['Accept', '*/*'],
];

function modified(modifier: object): [string, string][] {
  const exchange = makeExchange({ headers: before });
  void writeStep('headerModifiers', { request: modifier }).request?.(exchange);
  const reply = makeReply(200, before);
  void writeStep('headerModifiers', { response: modifier }).response?.(exchange, reply);
  expect(pairs(reply.headers)).toEqual(pairs(exchange.headers));
  return pairs(exchange.headers);
}

test.each<[object, [string, string][]]>([
  [
    { set: [{ name: 'x-A', value: 'new' }] },
    [
      ['x-A', 'new'],
      ['Accept', '*/*'],
    ],
  ],
  [{ set: [{ name: 'x-b', value: '' }] }, [...before, ['x-b', '']]],
  [{ add: [{ name: 'X-a', value: '3' }] }, [...before, ['X-a', '3']]],
  [{ remove: ['x-A', 'not-there'] }, [['Accept', '*/*']]],
  [
    { set: [{ name: 'x-a', value: '1' }], add: [{ name: 'x-a', value: '2' }] },
    [
      ['x-a', '1'],
      ['Accept', '*/*'],
      ['x-a', '2'],
    ],
  ],
  [{ add: [{ name: 'x-b', value: '2' }], remove: ['X-B'] }, before],
  [{}, before],
])('%j', (modifier, wanted) => expect(modified(modifier)).toEqual(wanted));

test('a half that says nothing has no step', () => {
  expect(Object.keys(writeStep('headerModifiers', { request: {} }))).toEqual(['request']);
  expect(Object.keys(writeStep('headerModifiers', {}))).toEqual([]);
});

describe('schema and checks', () => {
  test.each<[boolean, unknown]>([
    [true, { request: { set: [{ name: 'a', value: '' }] } }],
    [false, { request: { set: [{ name: '', value: '' }] } }],
    [false, { request: { set: { a: 'b' } } }],
    [false, { request: { append: [] } }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('headerModifiers', spec)).toBe(isFine));

  test.each([
    [{ request: { set: [{ name: 'a b', value: '' }] } }, 'request.set[0].name'],
    [{ request: { add: [{ name: 'a', value: 'x\r\nb: c' }] } }, 'request.add[0].value'],
    [{ response: { set: [{ name: 'Transfer-Encoding', value: 'chunked' }] } }, 'response.set[0].name'],
    [{ response: { remove: ['a', 'Content-Length'] } }, 'response.remove[1]'],
    [{ request: { set: [{ name: 'Host', value: 'x' }] } }, 'request.set[0].name'],
  ])('%j is a problem at %s', (spec, path) => {
    expect(write('headerModifiers', spec).problems.map((problem) => problem.path)).toEqual([path]);
  });
});
