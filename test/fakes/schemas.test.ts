// The committed schemas are those of the installed SDKs, and errors in unions are named as the vendor would.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { schemaOrigin, schemaSources, schemaUrl } from './generate-schemas.ts';
import type { SchemaName } from './request-types.ts';
import { findSchemaError, listEnum } from './schema.ts';

const names = Object.keys(schemaSources) as SchemaName[];

test.each(names)('%s was generated from the installed SDK; else run `node test/fakes/generate-schemas.ts`', (name) => {
  const schema = JSON.parse(readFileSync(schemaUrl(name), 'utf8')) as { $comment: string; definitions: object };
  expect(schema.$comment).toBe(schemaOrigin(name));
  expect(Object.keys(schema.definitions).length).toBeGreaterThan(0);
});

const user = { role: 'user', content: 'hi' };

test.each<[SchemaName, object, object]>([
  ['chat-completions', { messages: [user] }, { kind: 'missing', path: ['model'] }],
  ['chat-completions', { model: 'm', messages: [user], foo: 1 }, { kind: 'unknown', path: ['foo'] }],
  ['chat-completions', { model: 'm', messages: [user], n: 'two' }, { kind: 'type', path: ['n'], actual: 'two' }],
  [
    'chat-completions',
    { model: 'm', messages: [{ ...user, foo: 1 }] },
    { kind: 'unknown', path: ['messages', 0, 'foo'] },
  ],
  [
    'chat-completions',
    { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 7 }] }] },
    { kind: 'type', path: ['messages', 0, 'content', 0, 'text'] },
  ],
  ['chat-completions', { model: 'm', messages: [{ role: 'robot', content: '' }] }, { path: ['messages', 0, 'role'] }],
  ['messages', { model: 'm', messages: [user] }, { kind: 'missing', path: ['max_tokens'] }],
  ['messages', { model: 'm', max_tokens: 1, messages: [user], betas: ['x'] }, { kind: 'unknown', path: ['betas'] }],
  [
    'messages',
    { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: [{ type: 'text', text: 'x', foo: 1 }] }] },
    { kind: 'unknown', path: ['messages', 0, 'content', 0, 'foo'] },
  ],
  [
    'responses',
    { model: 'm', input: [{ type: 'function_call', call_id: 'c', name: 'f' }] },
    { kind: 'missing', path: ['input', 0, 'arguments'] },
  ],
])('%s names what is wrong: %j', (name, body, error) => {
  expect(findSchemaError(name, body)).toMatchObject(error);
});

test('an open schema lets unknown fields pass, and nothing else', () => {
  const body = { model: 'm', messages: [{ ...user, reasoning_content: 'x' }], top_k: 3 };
  expect(findSchemaError('chat-completions', body)).toMatchObject({ kind: 'unknown' });
  expect(findSchemaError('chat-completions', body, true)).toBeUndefined();
  expect(findSchemaError('chat-completions', { ...body, n: 'two' }, true)).toMatchObject({ kind: 'type' });
});

test('enumerations of the SDK are listed', () => {
  expect(listEnum('chat-completions', 'ChatModel')).toContain('gpt-4o');
});
