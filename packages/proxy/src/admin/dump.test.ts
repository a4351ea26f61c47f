// The dump of the configuration shows everything but what would let somebody in.
import { expect, test } from 'vitest';
import { encodeResource, encodeSecret } from '@agentgateway/core/translate/encode.ts';
import { dumpResource } from './dump.ts';

const canary = 'canary-3f9c';
const names = [
  'authorization',
  'Proxy-Authorization',
  'x-api-key',
  'X-Goog-Api-Key',
  'cookie',
  'set-cookie',
  'x-auth-token',
];

/** A route that speaks of a header in every way there is. */
function routeWith(name: string): object {
  const fields = [{ name, value: canary }];
  return dumpResource(
    encodeResource('httproute/default/r', {
      case: 'route',
      value: {
        parents: [{ listener: 'listener/default/g/http' }],
        rules: [
          {
            matches: [
              {
                headers: [{ name, match: { case: 'exact', value: canary } }],
                query: [{ name, match: { case: 'exact', value: canary } }],
              },
              { headers: [{ name, match: { case: 'regex', value: `${canary}.*` } }] },
            ],
            filters: [
              { kind: { case: 'headerModifiers', value: { request: { set: fields, add: fields } } } },
              {
                kind: {
                  case: 'transformation',
                  value: { request: { set: [{ name, expression: `'${canary}'` }] } },
                },
              },
            ],
            backends: [
              {
                backend: 'b',
                weight: 1,
                filters: [{ kind: { case: 'headerModifiers', value: { response: { set: fields } } } }],
              },
            ],
          },
        ],
      },
    }),
  );
}

test.each(names)('%s has no value in it', (name) => {
  const text = JSON.stringify(routeWith(name));
  expect(text).not.toContain(canary);
  expect(text.split('(redacted)')).toHaveLength(8);
  expect(text).toContain(name);
});

test('other headers are shown', () => {
  expect(JSON.stringify(routeWith('x-team')).split(canary)).toHaveLength(8);
});

test('secrets show their entries’ names', () => {
  const secret = encodeSecret('secret/default/s', { entries: [{ name: 'key', value: Buffer.from(canary) }] });
  expect(dumpResource(secret)).toMatchObject({ message: { entries: [{ name: 'key', value: '(redacted)' }] } });
});
