// The words a caller expects are told by what the request says before any route is known.
import { expect, test } from 'vitest';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { dialectOf } from './dialect.ts';

test.each([
  ['/v1/chat/completions', [], 'chat'],
  ['/openai/v1/chat/completions', [], 'chat'],
  ['/v1/responses', [], 'responses'],
  ['/v1/messages', [], 'messages'],
  ['/v1/messages/count_tokens', [], 'messages'],
  ['/v1/models', [], 'chat'],
  ['/v1/models', ['anthropic-version', '2023-06-01'], 'messages'],
  ['/pkg.Service/Method', ['content-type', 'application/grpc+proto'], 'grpc'],
  ['/anything', [], 'json'],
] as const)('%s with %j speaks %s', (path, fields, dialect) => {
  expect(dialectOf({ path, headers: new HeaderList([...fields]) } as unknown as Exchange)).toBe(dialect);
});
