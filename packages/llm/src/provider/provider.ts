// How each provider is reached: address, native formats, credential header, models it is known by.
import type { FormatName } from '../format.ts';
import { findQuirks, quirks } from './quirks.ts';

/** What the gateway must know of a provider. */
export interface ProviderProfile {
  /** Scheme, host and path prefix; the format's own path follows. Undefined: configuration must say it, or there is no upstream. */
  readonly baseUrl: string | undefined;
  /** Environment variable that holds its key. */
  readonly keyVariable: string | undefined;
  readonly formats: readonly FormatName[];
  /** Writes the credential as the provider wants it. */
  keyHeader(key: string): readonly [name: string, value: string];
  /** Fields sent where the client sent none. */
  readonly defaultHeaders: readonly (readonly [string, string])[];
  /** Model names served when a key is found in the environment. */
  readonly wildcards: readonly string[];
  /** The vendor's page that says so. */
  readonly source: string;
}

const bearer = (key: string): readonly [string, string] => ['authorization', `Bearer ${key}`];

/** Every driver of LLMBackend providers. */
export const providers = {
  openai: {
    baseUrl: 'https://api.openai.com/v1',
    keyVariable: 'OPENAI_API_KEY',
    formats: ['chat', 'responses'],
    keyHeader: bearer,
    defaultHeaders: [],
    wildcards: [
      'gpt-*',
      'o1*',
      'o3*',
      'o4*',
      'chatgpt-*',
      'codex-*',
      'ft:*',
      'text-embedding-*',
      'omni-moderation-*',
      'dall-e-*',
      'whisper-*',
      'tts-*',
    ],
    source: 'https://platform.openai.com/docs/api-reference/authentication',
  },
  anthropic: {
    baseUrl: 'https://api.anthropic.com/v1',
    keyVariable: 'ANTHROPIC_API_KEY',
    formats: ['messages'],
    keyHeader: (key) => ['x-api-key', key],
    defaultHeaders: [['anthropic-version', '2023-06-01']],
    wildcards: ['claude-*'],
    source: 'https://platform.claude.com/docs/en/api/overview',
  },
  openaiCompatible: {
    baseUrl: undefined,
    keyVariable: undefined,
    formats: ['chat'],
    keyHeader: bearer,
    defaultHeaders: [],
    wildcards: [],
    source: 'https://platform.openai.com/docs/api-reference/chat',
  },
  echo: {
    baseUrl: undefined,
    keyVariable: undefined,
    formats: ['chat', 'responses', 'messages'],
    keyHeader: bearer,
    defaultHeaders: [],
    wildcards: ['echo'],
    source: 'embedded',
  },
} as const satisfies Record<string, ProviderProfile>;

/** A driver's name, as users write it. */
export type ProviderDriver = keyof typeof providers;

/** Whether a text names a driver. */
export function isProviderDriver(name: string): name is ProviderDriver {
  return Object.hasOwn(providers, name);
}

/** The profile of a driver, with the address, key variable and models of its quirk row (empty: none). */
export function toProfile(driver: ProviderDriver, quirkName = ''): ProviderProfile {
  const profile: ProviderProfile = providers[driver];
  const row = driver === 'openaiCompatible' ? findQuirks(quirkName) : undefined;
  if (!row) return profile;
  return {
    ...profile,
    baseUrl: row.baseUrl.value,
    keyVariable: row.keyVariable?.value,
    wildcards: row.wildcards?.value ?? [],
    source: row.baseUrl.source,
  };
}

/** A provider that the environment holds a key for. */
export interface FoundProvider {
  /** What clients may put before a model's name (`name/model`): the driver, or the quirk row. */
  readonly name: string;
  readonly driver: ProviderDriver;
  /** Row of the quirk table; empty for drivers of their own. */
  readonly quirks: string;
  readonly keyVariable: string;
  readonly wildcards: readonly string[];
}

/** Providers whose key is in the environment: drivers first, then quirk rows, in the order of the tables. */
export function findProviders(env: Readonly<Record<string, string | undefined>>): FoundProvider[] {
  const candidates = [
    ...Object.keys(providers).map((name) => ({ name, driver: name as ProviderDriver, quirks: '' })),
    ...Object.keys(quirks).map((name) => ({ name, driver: 'openaiCompatible' as const, quirks: name })),
  ];
  return candidates.flatMap((candidate) => {
    const { keyVariable, wildcards } = toProfile(candidate.driver, candidate.quirks);
    return keyVariable !== undefined && env[keyVariable] ? [{ ...candidate, keyVariable, wildcards }] : [];
  });
}
