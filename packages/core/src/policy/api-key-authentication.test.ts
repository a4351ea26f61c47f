// API keys: where they are read, what is refused, when they end, and that they go no further.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { Step } from '../phases.ts';
import { isAccepted, makeExchange, pairs, write, writeStep } from './fixture.ts';

const key = 'sk-ada-1';
const hash = `sha256:${createHash('sha256').update(key).digest('hex')}`;
const secret = (name: string) => ({ secretRef: { name, key: 'key' } });

function outcome(step: Step, exchange: Exchange): string {
  try {
    void step.request?.(exchange);
    return exchange.principal?.subject ?? 'nobody';
  } catch (error) {
    return error instanceof GatewayError ? error.reason : String(error);
  }
}

const strictly = writeStep('apiKeyAuthentication', {
  keys: [{ keyHash: hash, name: 'laptop', subject: 'ada', groups: ['eng'], team: 'core', metadata: { plan: 'pro' } }],
});

describe('schema', () => {
  test.each<[boolean, unknown]>([
    [true, { keys: [{ keyHash: hash }] }],
    [
      true,
      { mode: 'Optional', keys: [{ key: secret('s'), expires: '2027-01-31T00:00:00Z', allowedModels: ['gpt-*'] }] },
    ],
    [false, { keys: [] }],
    [false, { keys: [{}] }],
    [false, { keys: [{ key: secret('s'), keyHash: hash }] }],
    [false, { keys: [{ keyHash: 'sha256:abc' }] }],
    [false, { keys: [{ keyHash: hash, expires: 'tomorrow' }] }],
    [false, { keys: [{ keyHash: hash, unknown: 1 }] }],
    [false, { mode: 'Permissive', keys: [{ keyHash: hash }] }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('apiKeyAuthentication', spec)).toBe(isFine));
});

describe('translate', () => {
  test('only hashes leave, sorted, with the defaults said', () => {
    const { message, problems } = write(
      'apiKeyAuthentication',
      { keys: [{ key: secret('two') }, { keyHash: hash, metadata: { b: '2', a: '1' } }] },
      { secrets: { two: 'sk-second' } },
    );
    expect(problems).toEqual([]);
    expect(
      JSON.stringify(message, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain('sk-second');
    const hashes = message.keys.map(({ sha256 }) => Buffer.from(sha256).toString('hex'));
    expect(hashes).toEqual([...hashes].sort());
    expect(message.keys.every(({ name }, index) => name === hashes[index]!.slice(0, 8))).toBe(true);
    expect(message.keys.flatMap(({ metadata }) => metadata.map(({ name }) => name))).toEqual(['a', 'b']);
  });

  test('a missing secret and a key that is there twice are problems', () => {
    expect(write('apiKeyAuthentication', { keys: [{ key: secret('gone') }] }).problems).toEqual([
      { path: 'keys[0].key', message: 'is missing' },
    ]);
    expect(
      write('apiKeyAuthentication', { keys: [{ keyHash: hash }, { key: secret('same') }] }, { secrets: { same: key } })
        .problems,
    ).toMatchObject([{ path: 'keys', message: expect.stringContaining('twice') as string }]);
  });
});

describe('where a key is read', () => {
  test.each<[string, string]>([
    ['authorization', `Bearer ${key}`],
    ['Authorization', `bearer   ${key} `],
    ['Authorization', key],
    ['x-api-key', key],
    ['X-Goog-Api-Key', key],
    ['api-key', key],
  ])('%s: %s', (name, value) => {
    const exchange = makeExchange({
      headers: [
        [name, value],
        ['accept', '*/*'],
      ],
    });
    expect(outcome(strictly, exchange)).toBe('ada');
    expect(pairs(exchange.headers)).toEqual([['accept', '*/*']]);
    expect(exchange.principal).toEqual({
      subject: 'ada',
      groups: ['eng'],
      organization: undefined,
      team: 'core',
      metadata: { plan: 'pro' },
      credential: { kind: 'apiKey', id: 'laptop' },
      allowedModels: [],
    });
  });

  test.each<[string, [string, string][], string]>([
    ['no key', [], 'unauthenticated'],
    ['an empty one', [['x-api-key', ' ']], 'unauthenticated'],
    ['Bearer without a key', [['authorization', 'Bearer']], 'unauthenticated'],
    ['an unknown one', [['x-api-key', 'sk-other']], 'unauthenticated'],
    ['a prefix of one', [['x-api-key', key.slice(0, -1)]], 'unauthenticated'],
    [
      'different ones',
      [
        ['x-api-key', key],
        ['authorization', 'Bearer other'],
      ],
      'unauthenticated',
    ],
    [
      'different ones in one header',
      [
        ['x-api-key', key],
        ['x-api-key', 'other'],
      ],
      'unauthenticated',
    ],
    [
      'the same one twice',
      [
        ['x-api-key', key],
        ['authorization', `Bearer ${key}`],
      ],
      'ada',
    ],
    [
      'another scheme beside it',
      [
        ['x-api-key', key],
        ['authorization', 'Basic dTpw'],
      ],
      'ada',
    ],
    ['another scheme alone', [['authorization', 'Basic dTpw']], 'unauthenticated'],
  ])('%s', (_what, headers, wanted) => expect(outcome(strictly, makeExchange({ headers }))).toBe(wanted));

  test('a refusal names no key and says how to authenticate', () => {
    const exchange = makeExchange({ headers: [['x-api-key', 'sk-wrong-key']] });
    expect(() => strictly.request?.(exchange)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('sk-wrong') as string }),
    );
  });
});

describe('a key goes no further', () => {
  test('not when it is refused either, and no fact holds it', () => {
    const exchange = makeExchange({
      headers: [
        ['authorization', 'Bearer sk-wrong'],
        ['x-api-key', 'sk-wrong'],
      ],
    });
    outcome(strictly, exchange);
    expect(pairs(exchange.headers)).toEqual([]);
    expect(JSON.stringify([...exchange.facts])).not.toContain('sk-wrong');
  });

  test('other schemes stay for whoever reads them', () => {
    const exchange = makeExchange({
      headers: [
        ['x-api-key', key],
        ['authorization', 'Basic dTpw'],
      ],
    });
    outcome(strictly, exchange);
    expect(pairs(exchange.headers)).toEqual([['authorization', 'Basic dTpw']]);
  });
});

describe('Optional', () => {
  const optional = writeStep('apiKeyAuthentication', { mode: 'Optional', keys: [{ keyHash: hash, subject: 'ada' }] });
  test.each<[string, [string, string][], string]>([
    ['without a key', [], 'nobody'],
    ['with another scheme', [['authorization', 'Basic dTpw']], 'nobody'],
    ['with a key', [['x-api-key', key]], 'ada'],
    ['with a wrong key', [['x-api-key', 'other']], 'unauthenticated'],
  ])('%s', (_what, headers, wanted) => expect(outcome(optional, makeExchange({ headers }))).toBe(wanted));
});

describe('expiry', () => {
  const expires = '2027-01-31T00:00:00Z';
  const at = (nowMs: number) =>
    outcome(
      writeStep('apiKeyAuthentication', { keys: [{ keyHash: hash, subject: 'ada', expires }] }, { nowMs }),
      makeExchange({ headers: [['x-api-key', key]] }),
    );
  test('the last moment before, the moment, and after', () => {
    const end = Date.parse(expires);
    expect([at(end - 1), at(end), at(end + 1)]).toEqual(['ada', 'credential-expired', 'credential-expired']);
  });
});

describe('two policies in one chain', () => {
  const other = writeStep('apiKeyAuthentication', { keys: [{ keyHash: `sha256:${'0'.repeat(64)}` }] });
  const narrower = writeStep('apiKeyAuthentication', { keys: [{ keyHash: hash, subject: 'ada at the route' }] });

  test('the second reads the key that the first took out', () => {
    const exchange = makeExchange({ headers: [['x-api-key', key]] });
    expect([outcome(strictly, exchange), outcome(narrower, exchange)]).toEqual(['ada', 'ada at the route']);
  });

  test('both must know it', () => {
    const exchange = makeExchange({ headers: [['x-api-key', key]] });
    expect([outcome(strictly, exchange), outcome(other, exchange)]).toEqual(['ada', 'unauthenticated']);
  });

  test('another credential does not stand in for a key', () => {
    const exchange = makeExchange();
    exchange.principal = {
      subject: 'by token',
      groups: [],
      organization: undefined,
      team: undefined,
      metadata: {},
      credential: { kind: 'jwt', id: 'x' },
      allowedModels: [],
    };
    expect(outcome(strictly, exchange)).toBe('unauthenticated');
  });
});
