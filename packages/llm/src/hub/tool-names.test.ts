// Names of tools that a provider refuses come back to the client as they were.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { anthropicNameCharsMax, openaiNameCharsMax, toClientName, toWireId, toWireName } from './tool-names.ts';

test('names within the pattern stay', () => {
  expect(toWireName('get_weather-2', openaiNameCharsMax)).toBe('get_weather-2');
  expect(toWireName('a'.repeat(65), anthropicNameCharsMax)).toBe('a'.repeat(65));
});

test('others are mapped to the pattern, each to its own, and back by the request alone', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, unit: 'grapheme', maxLength: 200 }), { minLength: 1 });
  fc.assert(
    fc.property(names, fc.constantFrom(openaiNameCharsMax, anthropicNameCharsMax), (names, charsMax) => {
      const request = {
        model: 'm',
        turns: [],
        stream: false,
        tools: names.map((name) => ({ kind: 'function', name }) as const),
      };
      const wire = names.map((name) => toWireName(name, charsMax));
      expect(new Set(wire).size).toBe(names.length);
      for (const name of wire) expect(name).toMatch(/^[A-Za-z0-9_-]{1,128}$/);
      for (const name of wire) expect(name.length).toBeLessThanOrEqual(charsMax);
      expect(wire.map((name) => toClientName(name, request))).toEqual(names);
    }),
  );
});

test('an unknown name is given as it is; ids of calls and results agree', () => {
  expect(toClientName('made_up', { model: 'm', turns: [], stream: false })).toBe('made_up');
  expect(toWireId('functions.get_weather:0')).toBe(toWireId('functions.get_weather:0'));
  expect(toWireId('functions.get_weather:0')).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(toWireId('toolu_01A')).toBe('toolu_01A');
});
