// The provider tables: every fact has a source, no model belongs to two vendors, and what is not known stays plain.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { skipAloud } from '../../../../test/skip.ts';
import { plainDialect } from '../hub/codec.ts';
import { describeProviders } from './describe.ts';
import { maxOutputTokens, maxTokensTable } from './max-tokens.ts';
import { findProviders, providers, toProfile } from './provider.ts';
import { type QuirkRow, type Sourced, quirks, toDialect } from './quirks.ts';

const rows: readonly (readonly [string, QuirkRow])[] = Object.entries(quirks);

function sources(row: QuirkRow): string[] {
  const { title: _, remarks = [], ...facts } = row;
  return [...Object.values(facts), ...remarks].map((fact: Sourced<unknown>) => fact.source);
}

describe.each(rows)('%s', (name, row) => {
  test('names a page or a recording for every fact', () => {
    for (const source of sources(row)) expect(source).toMatch(/^(https:\/\/|recording [a-z]+\/[a-z-]+\/\S+$)/);
  });

  test('its recordings exist', () => {
    const folder =
      process.env['AGENTGATEWAY_RECORDINGS'] ?? join(import.meta.dirname, '../../../../../shared/recordings');
    if (!existsSync(folder)) {
      skipAloud(`recordings named by the quirk row ${name}: ${folder} is missing`);
      return;
    }
    const named = sources(row).filter((source) => source.startsWith('recording '));
    for (const source of named)
      expect(existsSync(join(folder, `${source.slice('recording '.length)}.json`)), source).toBe(true);
  });

  test('a wildcard means this vendor alone', () => {
    const all = [
      ...Object.values(providers),
      ...rows.map(([, other]) => ({ wildcards: other.wildcards?.value ?? [] })),
    ];
    for (const pattern of row.wildcards?.value ?? []) {
      const start = pattern.replace('*', '');
      const owners = all
        .flatMap(({ wildcards }) => wildcards)
        .filter((other) => start.startsWith(other.replace('*', '')));
      expect(owners).toEqual([pattern]);
    }
  });
});

describe('dialects', () => {
  test('a name without a row is plain', () => {
    expect(toDialect('')).toEqual(plainDialect);
    expect(toDialect('constructor')).toEqual(plainDialect);
  });

  test('a row differs in what it has a source for and in nothing else', () => {
    expect(toDialect('together')).toEqual({ ...plainDialect, reasoningMember: 'reasoning' });
    expect(toDialect('mistral')).toMatchObject({ maxTokensMember: 'max_tokens', hasStreamOptions: false });
    expect(toDialect('xai').isReasoningOutsideCompletion).toBe(true);
  });
});

describe('profiles', () => {
  test('write the credential as the vendor wants it', () => {
    expect(toProfile('openai').keyHeader('k')).toEqual(['authorization', 'Bearer k']);
    expect(toProfile('anthropic').keyHeader('k')).toEqual(['x-api-key', 'k']);
    expect(toProfile('openaiCompatible', 'groq').keyHeader('k')).toEqual(['authorization', 'Bearer k']);
  });

  test('take address and key variable from the row', () => {
    expect(toProfile('openaiCompatible', 'groq')).toMatchObject({
      baseUrl: 'https://api.groq.com/openai/v1',
      keyVariable: 'GROQ_API_KEY',
      formats: ['chat'],
    });
    expect(toProfile('openaiCompatible')).toMatchObject({ baseUrl: undefined, keyVariable: undefined });
    expect(toProfile('openai', 'groq').baseUrl).toBe('https://api.openai.com/v1');
  });

  test('are found by the keys in the environment; an empty key is none', () => {
    const env = { DEEPSEEK_API_KEY: 'd', OPENAI_API_KEY: 'o', MISTRAL_API_KEY: '', HOME: '/' };
    expect(findProviders(env)).toEqual([
      expect.objectContaining({ name: 'openai', driver: 'openai', quirks: '', keyVariable: 'OPENAI_API_KEY' }),
      expect.objectContaining({
        name: 'deepseek',
        driver: 'openaiCompatible',
        quirks: 'deepseek',
        wildcards: ['deepseek-*'],
      }),
    ]);
    expect(findProviders({})).toEqual([]);
  });
});

describe('maximum of an answer', () => {
  test.each([
    ['claude-opus-5', 128_000, 'table'],
    ['claude-opus-5-5', 128_000, 'table'],
    ['claude-opus-4-1-20250805', 32_000, 'table'],
    ['claude-opus-4-20250514', 32_000, 'table'],
    ['claude-opus-4-5-20251101', 64_000, 'table'],
    ['claude-opus-4-6', 128_000, 'table'],
    ['claude-sonnet-4-5@20250929', 64_000, 'table'],
    ['us.anthropic.claude-3-5-haiku-20241022-v1:0', 8192, 'table'],
    ['claude-3-haiku-20240307', 4096, 'table'],
    ['claude-opus-50', 32_000, 'default'],
    ['claude-novel-9', 32_000, 'default'],
    ['MiniMax-M2', 8192, 'default'],
  ])('%s', (model, tokens, source) => {
    expect(maxOutputTokens(model)).toEqual({ tokens, source });
  });

  test('is what configuration says', () => {
    expect(maxOutputTokens('claude-opus-5', 1000)).toEqual({ tokens: 1000, source: 'configured' });
    expect(maxOutputTokens('claude-opus-5', 0)).toEqual({ tokens: 128_000, source: 'table' });
  });
});

test('the page names every row, every source and every maximum', () => {
  const page = describeProviders();
  for (const [name, row] of rows) {
    expect(page).toContain(`(\`${name}\`)`);
    for (const source of sources(row)) expect(page).toContain(source);
  }
  for (const { prefix, tokens } of maxTokensTable) expect(page).toContain(`| \`${prefix}*\` | ${tokens} |`);
});
