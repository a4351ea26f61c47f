// Names of Claude models tell what the models take.
import { expect, test } from 'vitest';
import { claudeVersion, refusesSampling, refusesSamplingPair, thinkingKind } from './claude-models.ts';

test.each([
  ['claude-3-opus-latest', 30, 'none'],
  ['claude-3-5-haiku-20241022', 35, 'none'],
  ['claude-3-7-sonnet-latest', 37, 'budget'],
  ['anthropic.claude-3-7-sonnet-20250219-v1:0', 37, 'budget'],
  ['claude-sonnet-4-20250514', 40, 'budget'],
  ['claude-opus-4-1@20250805', 41, 'budget'],
  ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 45, 'budget'],
  ['anthropic/claude-sonnet-4.5', 45, 'budget'],
  ['claude-sonnet-4-6', 46, 'adaptive'],
  ['claude-opus-5', 50, 'adaptive'],
  ['claude-next', undefined, 'adaptive'],
  ['deepseek-chat', undefined, 'budget'],
])('%s', (model, version, kind) => {
  expect(claudeVersion(model)).toBe(version);
  expect(thinkingKind(model)).toBe(kind);
});

test('sampling parameters', () => {
  expect(refusesSampling('claude-sonnet-4-6')).toBe(false);
  expect(refusesSampling('claude-opus-4-7')).toBe(true);
  expect(refusesSamplingPair('claude-opus-4-1')).toBe(true);
  expect(refusesSamplingPair('claude-3-5-haiku-latest')).toBe(false);
});
