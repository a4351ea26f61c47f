// What a method and a path ask for.
import { expect, test } from 'vitest';
import { toRequest } from './operation.ts';

const rows: readonly (readonly [string, string, string, string | undefined, string])[] = [
  ['POST', '/v1/chat/completions', 'generate:chat', undefined, '/chat/completions'],
  ['POST', '/chat/completions', 'generate:chat', undefined, '/chat/completions'],
  ['POST', '/v1/chat/completions/', 'generate:chat', undefined, '/chat/completions'],
  ['POST', '/v1/responses', 'generate:responses', undefined, '/responses'],
  ['POST', '/v1/messages', 'generate:messages', undefined, '/messages'],
  ['POST', '/v1/messages/count_tokens', 'countTokens', undefined, '/messages/count_tokens'],
  ['GET', '/v1/messages/count_tokens', 'wrongMethod', undefined, '/messages/count_tokens'],
  ['HEAD', '/v1/chat/completions', 'wrongMethod', undefined, '/chat/completions'],
  ['GET', '/v1/models', 'models:', undefined, '/models'],
  ['HEAD', '/v1/models', 'models:', undefined, '/models'],
  ['GET', '/v1/models/a%2Fb', 'models:a/b', undefined, '/models/a%2Fb'],
  ['GET', '/v1/models/one/b', 'models:one/b', undefined, '/models/one/b'],
  ['GET', '/v1/models/%E0%A4%A', 'models:%E0%A4%A', undefined, '/models/%E0%A4%A'],
  ['POST', '/v1/models', 'pass', undefined, '/models'],
  ['POST', '/v1/embeddings', 'pass', undefined, '/embeddings'],
  ['GET', '/v1/responses/resp_1', 'pass', undefined, '/responses/resp_1'],
  ['POST', '/one/v1/messages', 'generate:messages', 'one', '/messages'],
  ['POST', '/one/messages', 'generate:messages', 'one', '/messages'],
  ['GET', '/one/v1/messages', 'pass', 'one', '/messages'],
  ['GET', '/one', 'pass', 'one', '/'],
  ['GET', '/one/v1', 'pass', 'one', '/'],
  ['GET', '/two/v1/files', 'pass', undefined, '/two/v1/files'],
  ['GET', '/v1beta/files', 'pass', undefined, '/v1beta/files'],
  ['POST', '/v1/__proto__', 'pass', undefined, '/__proto__'],
  ['POST', '/v1/constructor', 'pass', undefined, '/constructor'],
]; // prettier-ignore

test.each(rows)('%s %s', (...row) => {
  const [method, path, operation, provider, rest] = row;
  const request = toRequest(method, path, (name) => name === 'one');
  const { kind } = request.operation;
  const detail =
    request.operation.kind === 'generate'
      ? `:${request.operation.format}`
      : request.operation.kind === 'models'
        ? `:${request.operation.model ?? ''}`
        : '';
  expect([kind + detail, request.provider, request.rest]).toEqual([operation, provider, rest]);
});
