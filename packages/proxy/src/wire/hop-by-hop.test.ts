// Fields of the connection go, by name and by being named; all others stay as they are.
import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { isHopByHop, removeHopByHop } from './hop-by-hop.ts';

const names = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

test('every such name is known in any case', () => {
  for (const name of names) {
    expect(isHopByHop(name)).toBe(true);
    expect(isHopByHop(name.toUpperCase())).toBe(true);
  }
  for (const name of ['content-type', 'tee', 'trailers', 'host', 'upgrade-insecure-requests', 'xy', 'x-forwarded-for'])
    expect(isHopByHop(name)).toBe(false);
});

test('what is left is what was neither hop-by-hop nor named by connection, in order', () => {
  const name = fc.constantFrom(...names, 'x-a', 'X-B', 'x-hop', 'X-Other', 'accept');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, fc.constantFrom('v', 'close', 'X-Hop', ' x-hop ,x-other', '')), { maxLength: 12 }),
      (pairs) => {
        const named = new Set(
          pairs
            .filter(([key]) => key.toLowerCase() === 'connection')
            .flatMap(([, value]) => value.split(',').map((token) => token.trim().toLowerCase())),
        );
        const headers = HeaderList.from(pairs);
        removeHopByHop(headers);
        expect([...headers.entries()]).toEqual(
          pairs.filter(([key]) => !names.includes(key.toLowerCase()) && !named.has(key.toLowerCase())),
        );
      },
    ),
  );
});
