// The access line for people.
import { expect, test } from 'vitest';
import { toAccessText } from './access-text.ts';

test('tells a call of a model in one line', () => {
  const line = {
    'http.method': 'POST',
    'http.path': '/v1/chat/completions',
    'http.status': 200,
    duration: 1234.567,
    'request.id': 'id',
    'retry.attempt': 1,
    'agentgateway.user': 'ada',
    'gen_ai.request.model': 'smart',
    'agw.ai.provider': 'claude',
    'agw.ai.upstream_model': 'claude-opus-5',
    'gen_ai.usage.input_tokens': 12,
    'gen_ai.usage.output_tokens': 0,
    'agw.ai.usage.cost.total': 0.000_312_345,
    'agw.ai.time_to_first_token': 5.25,
  };
  expect(toAccessText(line)).toBe(
    'POST /v1/chat/completions 200 1235 ms smart → claude/claude-opus-5 12 + 0 tokens $0.000312 first token 5.3 ms retries 1 (ada)',
  );
});

test('tells a refusal with its reason and id', () => {
  const line = {
    'http.method': 'GET',
    'http.path': '/x',
    'http.status': 404,
    duration: 0.4,
    'request.id': 'id',
    reason: 'route-not-found',
    error: 'no route matches',
  };
  expect(toAccessText(line)).toBe('GET /x 404 0.4 ms route-not-found: no route matches [id]');
});

test('lets nobody write to the terminal', () => {
  const line = {
    'http.method': 'GET',
    'http.path': '/',
    'http.status': 200,
    duration: 1,
    'gen_ai.request.model': 'a\u001B[2J\nb\u202Ec',
  };
  expect(toAccessText(line)).toBe('GET / 200 1.0 ms a\\u{1b}[2J\\u{a}b\\u{202e}c');
});
