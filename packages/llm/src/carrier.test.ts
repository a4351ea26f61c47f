// Carriers give back what was put into them, and nothing for any other text.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  carrierCharsMax,
  hasCarrier,
  isCarrier,
  toCarrier,
  toOpaque,
  unwrapCarrier,
  unwrapOpaque,
  valuesFor,
  wrapOpaque,
} from './carrier.ts';

const opaques = fc.record(
  {
    vendor: fc.string({ unit: 'binary' }),
    model: fc.string({ unit: 'grapheme' }),
    values: fc.dictionary(
      fc.string({ unit: 'grapheme' }).filter((name) => name !== '__proto__'),
      fc.string({ unit: 'binary' }),
    ),
  },
  { requiredKeys: ['vendor', 'values'] },
);

describe('carriers', () => {
  test('whatever goes in comes out', () => {
    fc.assert(
      fc.property(opaques, fc.option(fc.string(), { nil: undefined }), (opaque, callId) => {
        const carried = unwrapCarrier(wrapOpaque(opaque, callId));
        expect(carried?.opaque).toEqual(opaque);
        expect(carried?.callId).toBe(callId);
      }),
    );
  });

  test('a carrier is made of characters that survive every client', () => {
    expect(wrapOpaque({ vendor: 'anthropic', values: { signature: 'a+/=\n"é' } })).toMatch(/^agw1\.[A-Za-z0-9_-]+$/);
  });

  test('other texts are no carriers, damaged ones give nothing', () => {
    const whole = wrapOpaque({ vendor: 'openai', values: { encrypted_content: 'gAAAA' } });
    expect(unwrapOpaque('EqQBCkYIBBgCKkBTY')).toBeUndefined();
    expect(unwrapOpaque(whole.slice(0, -4))).toBeUndefined();
    expect(unwrapOpaque(`agw1.${Buffer.from('[1]').toString('base64url')}`)).toBeUndefined();
    expect(unwrapOpaque(`agw1.${Buffer.from('{"v":"x","o":{"a":1}}').toString('base64url')}`)).toBeUndefined();
    expect(isCarrier(whole)).toBe(true);
  });

  test('sizes are bounded both ways', () => {
    expect(() => wrapOpaque({ vendor: 'a', values: { data: 'x'.repeat(carrierCharsMax) } })).toThrow(RangeError);
    expect(unwrapOpaque(`agw1.${'A'.repeat(carrierCharsMax)}`)).toBeUndefined();
  });

  test('a body is searched as bytes, also inside a larger buffer', () => {
    const body = Buffer.from(JSON.stringify({ signature: wrapOpaque({ vendor: 'openai', values: {} }) }));
    expect(hasCarrier(body)).toBe(true);
    expect(hasCarrier(Buffer.concat([body, Buffer.from('{}')]).subarray(body.length))).toBe(false);
    expect(hasCarrier(Buffer.from('{"signature":"EqQBCkYI"}'))).toBe(false);
  });

  test("a vendor's own text is told from a carrier", () => {
    const carrier = toCarrier({ vendor: 'x', values: { id: 'rs_1' } }, { vendor: 'openai', upstreamModel: 'gpt-5' });
    expect(toOpaque('EqQB', 'anthropic', 'signature')).toEqual({ vendor: 'anthropic', values: { signature: 'EqQB' } });
    expect(toOpaque(carrier, 'anthropic', 'signature')).toEqual({
      vendor: 'openai',
      model: 'gpt-5',
      values: { id: 'rs_1' },
    });
    expect(toOpaque('', 'anthropic', 'signature')).toBeUndefined();
    expect(toOpaque('agw1.damaged', 'anthropic', 'signature')).toBeUndefined();
  });

  test('values go to their own vendor only, and an empty carrier to nobody', () => {
    const opaque = { vendor: 'openai', values: { encrypted_content: 'gAAAA' } };
    expect(valuesFor(opaque, 'openai')).toEqual(opaque.values);
    expect(valuesFor(opaque, 'azure')).toBeUndefined();
    expect(valuesFor({ vendor: 'openai', values: {} }, 'openai')).toBeUndefined();
  });
});
