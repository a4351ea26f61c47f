// Anthropic's words for thinking, as OpenAI's models take them.
import { expect, test } from 'vitest';
import { plainDialect } from '../hub/codec.ts';
import type { HubRequest, Reasoning } from '../hub/request.ts';
import { fitModel, isThinking } from './openai-models.ts';

function fit(model: string, request: Partial<HubRequest>, vendor = 'openai'): HubRequest & { notes: string[] } {
  const notes: string[] = [];
  const whole: HubRequest = { model: 'claude', turns: [], extra: { format: 'messages', fields: {} }, ...request } as HubRequest;
  const fitted = fitModel(whole, {
    vendor,
    model,
    dialectal: plainDialect,
    maxTokensDefault: { tokens: 1, source: 'x' },
    isCounting: false,
    note: ({ path }) => notes.push(path),
  });
  return { ...fitted, notes };
} // prettier-ignore

const budget = (budgetTokens: number): { reasoning: Reasoning } => ({ reasoning: { mode: 'enabled', budgetTokens } });

test.each([
  ['gpt-5', 1024, undefined],
  ['gpt-5-mini-2025-08-07', 1024, undefined],
  ['gpt-5.1', 1024, 'low'],
  ['gpt-5.1', 40_000, 'high'],
  ['gpt-5.2', 40_000, 'xhigh'],
  ['gpt-5-pro', 1024, 'high'],
  ['o3', 1024, 'low'],
  ['gpt-7', 40_000, undefined],
])('%s, %i tokens: the effort is fitted to %s', (model, tokens, effort) => {
  const { reasoning, notes } = fit(model, budget(tokens));
  expect(reasoning?.effort).toBe(effort);
  expect(notes).toEqual(effort === undefined ? [] : ['reasoning.effort']);
});

test('a model that does not think is not asked to, and that is noted unless it was told not to', () => {
  expect(['gpt-4o', 'gpt-3.5-turbo', 'chatgpt-4o-latest', 'gpt-5-chat-latest', 'ft:gpt-4o:x'].some(isThinking)).toBe(false);
  expect(fit('gpt-4o', budget(1024))).not.toHaveProperty('reasoning');
  expect(fit('gpt-4o', budget(1024)).notes).toEqual(['reasoning']);
  expect(fit('gpt-4o', { reasoning: { mode: 'disabled' } }).notes).toEqual([]);
}); // prettier-ignore

test('sampling is left out where the model thinks', () => {
  const sampling = { temperature: 0.5, topP: 0.9 };
  expect(fit('gpt-5', sampling).notes).toEqual(['temperature', 'top_p']);
  expect(fit('gpt-5', sampling)).not.toHaveProperty('temperature');
  expect(fit('gpt-5', { temperature: 1 })).toMatchObject({ temperature: 1, notes: [] });
  for (const model of ['gpt-4o', 'gpt-5.1']) expect(fit(model, sampling)).toMatchObject({ ...sampling, notes: [] });
  expect(fit('gpt-5.1', { ...sampling, ...budget(2048) }).notes).toEqual(['temperature', 'top_p']);
});

test('other vendors and OpenAI’s own clients get what they asked for', () => {
  const asked = { temperature: 0.5, ...budget(1024) };
  expect(fit('gpt-5', asked, 'groq')).toMatchObject(asked);
  const own = { ...asked, extra: { format: 'chat', fields: {} } as HubRequest['extra'] };
  expect(fit('gpt-5', own as Partial<HubRequest>)).toMatchObject(asked);
});
