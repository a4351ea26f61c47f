// A route's filters say what the policies of the same name say, within the limits of Gateway API.
import { expect, test } from 'vitest';
import { policies } from '../../policy/registry.ts';
import { retry } from '../../policy/retry.ts';
import { inspect } from '../../schema/walk.ts';
import { httpRouteFilter, httpRouteSpec } from './schema.ts';

const fieldsOf = (schema: Parameters<typeof inspect>[0]): unknown => JSON.parse(JSON.stringify(inspect(schema, '')));
const rule = httpRouteSpec.shape.rules.unwrap().element.shape;

const of = (count: number): object => ({
  set: Array.from({ length: count }, (_, index) => ({ name: `x-${index}`, value: '' })),
});

test('CORS and retry are those of the policies, but for the budget', () => {
  expect(fieldsOf(httpRouteFilter.shape.cors.unwrap())).toEqual(fieldsOf(policies.cors.schema));
  expect(fieldsOf(rule.retry.unwrap())).toEqual(fieldsOf(retry.schema.omit({ budget: true })));
});

test('time-outs are the two of Gateway API', () => {
  expect(Object.keys(rule.timeouts.unwrap().shape)).toEqual(['request', 'backendRequest']);
  expect(rule.timeouts.safeParse({ idle: '1s' }).success).toBe(false);
  expect(rule.timeouts.safeParse({ request: 'soon' }).success).toBe(false);
});

test('a header filter names sixteen headers a verb, a policy more', () => {
  const isTaken = (count: number): boolean =>
    httpRouteFilter.safeParse({ type: 'RequestHeaderModifier', requestHeaderModifier: of(count) }).success;
  expect([isTaken(16), isTaken(17)]).toEqual([true, false]);
  expect(policies.headerModifiers.schema.safeParse({ request: of(17) }).success).toBe(true);
});
