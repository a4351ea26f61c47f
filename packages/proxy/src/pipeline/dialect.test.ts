// The words a caller expects are told by what the request says before any route is known.
import { expect, test } from 'vitest';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { dialectIn, dialectOf } from './dialect.ts';

test.each([
  ['/v1/chat/completions', [], 'chat'],
  ['/openai/v1/chat/completions', [], 'chat'],
  ['/v1/responses', [], 'responses'],
  ['/v1/messages', [], 'messages'],
  ['/v1/messages/count_tokens', [], 'messages'],
  ['/v1/messages-archive', [], 'chat'],
  ['/api/v1/messages-archive', [], 'json'],
  ['/v1', [], 'json'],
  ['/my-responses', [], 'json'],
  ['/v1/responses/resp_1', [], 'responses'],
  ['/v1/models', [], 'chat'],
  ['/v1/models', ['anthropic-version', '2023-06-01'], 'messages'],
  ['/pkg.Service/Method', ['content-type', 'application/grpc+proto'], 'grpc'],
  ['/pkg.Service/Method', ['content-type', 'application/grpc; x'], 'grpc'],
  ['/pkg.Service/Method', ['content-type', 'application/grpc-web'], 'json'],
  ['/anything', [], 'json'],
] as const)('%s with %j speaks %s', (path, fields, dialect) => {
  expect(dialectOf({ path, headers: new HeaderList([...fields]) } as unknown as Exchange)).toBe(dialect);
});

const to = (...keys: string[]): { backends: never[] } => ({ backends: keys.map((key) => ({ key })) as never[] });

test('a path means nothing where no model is behind it', () => {
  expect(dialectIn(to('service/default/web'), 'chat')).toBe('json');
  expect(dialectIn(to(), 'messages')).toBe('json');
  expect(dialectIn(to('service/default/web', 'llmbackend/default/m'), 'messages')).toBe('messages');
  expect(dialectIn(to('service/default/web'), 'grpc')).toBe('grpc');
});
