// The compiled catalogue: what names mean, and that every provider of our own has prices where the vendor has a list.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { catalogue, catalogueHosts, catalogueVersion } from '../gen/prices.ts';
import { quirks } from '../provider/quirks.ts';
import { findModel, toPriceProvider } from './catalogue.ts';

test('the version is that of the package', () => {
  const url = import.meta.resolve('@pydantic/genai-prices');
  const { version } = JSON.parse(readFileSync(new URL('../package.json', url), 'utf8')) as { version: string };
  expect(catalogueVersion).toBe(`genai-prices@${version}`);
});

test('every table parses and every model has an id, a match and prices', () => {
  for (const [provider, text] of Object.entries(catalogue)) {
    const { models } = JSON.parse(text) as { models: unknown[][] };
    expect(models.length, provider).toBeGreaterThan(0);
    for (const model of models) {
      expect(model).toHaveLength(3);
      const found = findModel(provider, String(model[0]));
      if (model[1] === 0) expect(found, `${provider}/${String(model[0])}`).toBeDefined();
    }
  }
  for (const [, pattern] of catalogueHosts) expect(() => new RegExp(pattern)).not.toThrow();
});

describe('whose prices', () => {
  test.each([
    [{ driver: 'anthropic' }, 'anthropic'],
    [{ driver: 'openai', baseUrl: 'https://proxy.example/v1' }, 'openai'],
    [{ driver: 'openaiCompatible', quirks: 'xai' }, 'xai'],
    [{ driver: 'openaiCompatible', quirks: 'vllm', baseUrl: 'https://api.groq.com/openai/v1' }, 'vllm'],
    [{ driver: 'openaiCompatible', baseUrl: 'https://api.moonshot.ai/v1' }, 'moonshotai'],
    [{ driver: 'openaiCompatible', baseUrl: 'http://localhost:8000/v1' }, 'openaiCompatible'],
    [{ driver: 'openaiCompatible', quirks: '' }, 'openaiCompatible'],
  ])('%j → %s', (provider, expected) => {
    expect(toPriceProvider(provider)).toBe(expected);
  });
});

test('every hosted row of the quirk table has a table of prices', () => {
  const hosted = Object.entries(quirks).filter(([, row]) => 'keyVariable' in row);
  const priced = hosted.filter(([name]) => Object.hasOwn(catalogue, name === 'xai' ? 'x-ai' : name));
  expect(priced.map(([name]) => name)).toEqual(hosted.map(([name]) => name));
});

test('names match without regard to case and to how the date is written', () => {
  expect(findModel('openai', ' GPT-4o ')?.id).toBe('gpt-4o');
  expect(findModel('openai', 'gpt-4o-2024-11-20')?.id).toBe(findModel('openai', 'gpt-4o-20241120')?.id);
  expect(findModel('xai', 'grok-4')?.provider).toBe('x-ai');
  expect(findModel('azure', 'claude-opus-4-5')?.provider).toBe('anthropic');
});
