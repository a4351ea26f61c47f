// ipAccess and csrf: who is admitted, by address and by the page a request comes from.
import { describe, expect, test } from 'vitest';
import { isAccepted, makeExchange, write, writeStep } from './fixture.ts';

describe('ipAccess', () => {
  test.each([
    [{ allow: ['10.0.0.0/8'] }, '10.1.2.3', true],
    [{ allow: ['10.0.0.0/8'] }, '192.0.2.7', false],
    [{ allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16'] }, '10.9.0.1', false],
    [{ deny: ['10.9.0.0/16'] }, '10.8.0.1', true],
    [{ deny: ['10.9.0.0/16'] }, '::ffff:10.9.0.1', false],
    [{ allow: ['2001:db8::/32'] }, '2001:db8::9', true],
    // What is no address is never admitted: a Unix socket has none.
    [{ deny: ['10.0.0.0/8'] }, '', false],
  ])('%j %s → %s', (spec, address, isAdmitted) => {
    const step = writeStep('ipAccess', spec);
    const exchange = makeExchange({ client: { address, port: 1 } });
    expect(step.accept?.({ address, port: 1 })).toBe(isAdmitted);
    if (isAdmitted) expect(step.request?.(exchange)).toBeUndefined();
    else
      expect(() => step.request?.(exchange)).toThrow(
        expect.objectContaining({ reason: 'address-forbidden', status: 403 }),
      );
  });

  test.each([
    [{}, ''],
    [{ allow: ['10.0.0.1/8'] }, 'allow'],
    [{ deny: ['ten'] }, 'deny'],
  ])('%j is refused at %j', (spec, path) => {
    expect(write('ipAccess', spec).problems).toMatchObject([{ path }]);
  });
});

function from(name: string, value: string): [string, string] {
  return [name, value];
}

describe('csrf', () => {
  test.each([
    ['GET', [], true],
    ['HEAD', [from('origin', 'https://evil.test')], true],
    ['OPTIONS', [from('origin', 'https://evil.test')], true],
    ['POST', [], false],
    ['POST', [from('origin', 'https://evil.test')], false],
    ['POST', [from('origin', 'null')], false],
    ['DELETE', [from('origin', 'http://api.example.com')], true],
    // A proxy in front may end TLS.
    ['PUT', [from('origin', 'https://api.example.com')], true],
    ['PUT', [from('origin', 'https://API.example.com:443')], true],
    ['PUT', [from('origin', 'https://api.example.com:8443')], false],
    ['PATCH', [from('origin', 'https://app.example.org')], true],
    ['PATCH', [from('origin', 'http://app.example.org')], false],
    ['POST', [from('origin', 'https://a.b.wild.test')], true],
    ['POST', [from('origin', 'https://wild.test')], false],
    ['POST', [from('referer', 'http://api.example.com/form?x=1')], true],
    ['POST', [from('referer', 'https://evil.test/http://api.example.com')], false],
    // Origin counts, whatever the referer says.
    ['POST', [from('origin', 'https://evil.test'), from('referer', 'http://api.example.com/')], false],
    ['POST', [from('origin', 'http://api.example.com'), from('origin', 'https://evil.test')], false],
    ['POST', [from('origin', 'http://api.example.com.evil.test')], false],
    ['POST', [from('referer', 'data:text/html,x')], false],
  ])('%s %j passes: %s', (method, headers, isFine) => {
    const spec = { additionalOrigins: ['https://app.example.org', 'https://*.wild.test'] };
    const exchange = makeExchange({ method, headers });
    const run = (): unknown => writeStep('csrf', spec).request?.(exchange);
    if (isFine) expect(run()).toBeUndefined();
    else expect(run).toThrow(expect.objectContaining({ reason: 'origin-forbidden', status: 403 }));
  });

  test('shadow refuses nothing and says what it would', () => {
    const exchange = makeExchange({ method: 'POST', headers: [['origin', 'https://evil.test']] });
    expect(writeStep('csrf', { shadow: true }).request?.(exchange)).toBeUndefined();
    expect(exchange.notes).toEqual(['csrf would refuse this request: the request comes from a page of another origin']);
  });

  test('what is no origin is refused', () => {
    expect(write('csrf', { additionalOrigins: ['app.example.com'] }).problems).toMatchObject([
      { path: 'additionalOrigins[0]' },
    ]);
    expect(isAccepted('csrf', { origins: [] })).toBe(false);
  });
});
