// How each provider is reached: address, native formats, credential header, models it is known by.
import type { FormatName } from '../format.ts';

/** What the gateway must know of a provider. */
export interface ProviderProfile {
  /** Scheme, host and path prefix; the format's own path follows. */
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
    wildcards: ['gpt-*', 'o1*', 'o3*', 'o4*', 'chatgpt-*', 'text-embedding-*'],
  },
  anthropic: {
    baseUrl: 'https://api.anthropic.com/v1',
    keyVariable: 'ANTHROPIC_API_KEY',
    formats: ['messages'],
    keyHeader: (key) => ['x-api-key', key],
    defaultHeaders: [['anthropic-version', '2023-06-01']],
    wildcards: ['claude-*'],
  },
  openaiCompatible: {
    baseUrl: undefined,
    keyVariable: undefined,
    formats: ['chat'],
    keyHeader: bearer,
    defaultHeaders: [],
    wildcards: [],
  },
  echo: {
    baseUrl: undefined,
    keyVariable: undefined,
    formats: ['chat', 'responses', 'messages'],
    keyHeader: bearer,
    defaultHeaders: [],
    wildcards: ['echo'],
  },
} as const satisfies Record<string, ProviderProfile>;

/** A driver's name, as users write it. */
export type ProviderDriver = keyof typeof providers;

/** Whether a text names a driver. */
export function isProviderDriver(name: string): name is ProviderDriver {
  return Object.hasOwn(providers, name);
}
