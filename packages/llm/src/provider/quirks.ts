// How servers that speak Chat Completions differ from the plain dialect: every difference with the source that shows it.
import { type Dialectal, plainDialect } from '../hub/codec.ts';

/** A fact and where it is written: the vendor's page, or `recording <provider>/<api>/<name>` for an exchange on the wire. */
export interface Sourced<T> {
  readonly value: T;
  readonly source: string;
}

/** One server. What is absent is as in the plain profile, because nothing is known that says otherwise. */
export interface QuirkRow {
  /** As the vendor writes its name. */
  readonly title: string;
  /** Scheme, host and path prefix. */
  readonly baseUrl: Sourced<string>;
  /** Environment variable that holds its key; absent for servers that one runs oneself. */
  readonly keyVariable?: Sourced<string>;
  /** Model names that mean this vendor alone; other models are asked for as `provider/model`. */
  readonly wildcards?: Sourced<readonly string[]>;
  readonly dropParameters?: Sourced<readonly string[]>;
  readonly maxTokensMember?: Sourced<Dialectal['maxTokensMember']>;
  readonly reasoningMember?: Sourced<Dialectal['reasoningMember']>;
  readonly hasDeveloperRole?: Sourced<boolean>;
  readonly hasStreamOptions?: Sourced<boolean>;
  readonly isReasoningOutsideCompletion?: Sourced<boolean>;
  /** `always`: the last chunks of a stream carry usage without being asked. */
  readonly streamUsage?: Sourced<'always' | 'asked'>;
  /** What a reader of its answers should know; nothing is done about it. */
  readonly remarks?: readonly Sourced<string>[];
}

const groqDocs = 'https://console.groq.com/docs/openai';
const mistralDocs = 'https://docs.mistral.ai/api';
const mistralRequest = 'https://github.com/mistralai/client-python/blob/main/docs/models/chatcompletionrequest.md';
const deepseekDocs = 'https://api-docs.deepseek.com/';
const deepseekChat = 'https://api-docs.deepseek.com/api/create-chat-completion';
const xaiReasoning = 'https://docs.x.ai/docs/guides/reasoning';
const togetherDocs = 'https://docs.together.ai/docs/inference/openai-compatibility';
const fireworksDocs = 'https://docs.fireworks.ai/tools-sdks/openai-compatibility';
const cerebrasDocs = 'https://inference-docs.cerebras.ai/resources/openai';
const openrouterUsage = 'https://openrouter.ai/docs/use-cases/usage-accounting';
const openrouterStream = 'recording openrouter/chat-completions/test_openrouter_streaming_reasoning-1';
const ollamaDocs = 'https://docs.ollama.com/api/openai-compatibility';

/** Every row, by the name that configuration uses. */
export const quirks = {
  groq: {
    title: 'Groq',
    baseUrl: { value: 'https://api.groq.com/openai/v1', source: groqDocs },
    keyVariable: { value: 'GROQ_API_KEY', source: groqDocs },
    dropParameters: { value: ['logprobs', 'top_logprobs', 'logit_bias'], source: groqDocs },
    reasoningMember: {
      value: 'reasoning',
      source: 'recording groq/chat-completions/test_reasoning_wire_contract-groq-gpt-oss-thinking-high-1',
    },
    streamUsage: {
      value: 'always',
      source: 'recording groq/chat-completions/test_tool_use_failed_error_streaming_with_text-2',
    },
    remarks: [
      { value: '`n` other than 1 and `messages[].name` are refused with 400.', source: groqDocs },
      {
        value: 'A stream tells usage in `x_groq.usage` of its last chunk unless `stream_options` asks for it.',
        source: 'recording groq/chat-completions/test_tool_use_failed_error_streaming_with_text-2',
      },
      {
        value:
          'A tool call that breaks its schema is the error `tool_use_failed` with the text in `failed_generation`.',
        source: 'recording groq/chat-completions/test_tool_use_failed_error-1',
      },
    ],
  },
  mistral: {
    title: 'Mistral',
    baseUrl: { value: 'https://api.mistral.ai/v1', source: mistralDocs },
    keyVariable: { value: 'MISTRAL_API_KEY', source: 'https://docs.mistral.ai/getting-started/quickstart' },
    wildcards: {
      value: ['mistral-*', 'ministral-*', 'magistral-*', 'codestral-*', 'devstral-*', 'pixtral-*', 'voxtral-*'],
      source: 'https://docs.mistral.ai/getting-started/models',
    },
    dropParameters: {
      value: ['seed', 'logprobs', 'top_logprobs', 'logit_bias', 'service_tier', 'store', 'user'],
      source: mistralRequest,
    },
    maxTokensMember: { value: 'max_tokens', source: mistralRequest },
    hasDeveloperRole: {
      value: false,
      source: 'https://github.com/mistralai/client-python/blob/main/docs/models/messages.md',
    },
    hasStreamOptions: { value: false, source: mistralRequest },
    streamUsage: {
      value: 'always',
      source: 'https://github.com/mistralai/client-python/blob/main/docs/models/completionchunk.md',
    },
    remarks: [
      {
        value: 'Thoughts are parts of `content`: `{"type":"thinking","thinking":[…]}` before the text.',
        source: 'recording mistral/chat-completions/test_reasoning_wire_contract-mistral-small-thinking-high-1',
      },
    ],
  },
  deepseek: {
    title: 'DeepSeek',
    baseUrl: { value: 'https://api.deepseek.com', source: deepseekDocs },
    keyVariable: { value: 'DEEPSEEK_API_KEY', source: deepseekDocs },
    wildcards: { value: ['deepseek-*'], source: deepseekDocs },
    maxTokensMember: { value: 'max_tokens', source: deepseekChat },
    reasoningMember: {
      value: 'reasoning_content',
      source: 'recording deepseek/chat-completions/test_deepseek_deferred_capability_with_thinking-1',
    },
    hasDeveloperRole: { value: false, source: deepseekChat },
    remarks: [
      {
        value: 'Usage also has `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens`; `prompt_tokens` is their sum.',
        source: 'recording deepseek/chat-completions/test_deepseek_deferred_capability_with_thinking-1',
      },
    ],
  },
  xai: {
    title: 'xAI',
    baseUrl: { value: 'https://api.x.ai/v1', source: 'https://docs.x.ai/docs/api-reference' },
    keyVariable: { value: 'XAI_API_KEY', source: 'https://docs.x.ai/docs/tutorial' },
    wildcards: { value: ['grok-*'], source: 'https://docs.x.ai/docs/models' },
    reasoningMember: { value: 'reasoning_content', source: xaiReasoning },
    isReasoningOutsideCompletion: {
      value: true,
      source: 'https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/grok/capabilities/reasoning',
    },
    remarks: [
      {
        value: 'Reasoning models refuse `presence_penalty`, `frequency_penalty` and `stop`; the refusal is passed on.',
        source: xaiReasoning,
      },
    ],
  },
  together: {
    title: 'Together AI',
    baseUrl: { value: 'https://api.together.ai/v1', source: togetherDocs },
    keyVariable: { value: 'TOGETHER_API_KEY', source: togetherDocs },
    reasoningMember: { value: 'reasoning', source: 'https://docs.together.ai/docs/inference/chat/reasoning' },
  },
  fireworks: {
    title: 'Fireworks AI',
    baseUrl: { value: 'https://api.fireworks.ai/inference/v1', source: fireworksDocs },
    keyVariable: { value: 'FIREWORKS_API_KEY', source: 'https://docs.fireworks.ai/guides/querying-text-models' },
    wildcards: { value: ['accounts/fireworks/*'], source: 'https://docs.fireworks.ai/guides/querying-text-models' },
    reasoningMember: { value: 'reasoning_content', source: 'https://docs.fireworks.ai/guides/reasoning' },
    streamUsage: { value: 'always', source: fireworksDocs },
  },
  openrouter: {
    title: 'OpenRouter',
    baseUrl: { value: 'https://openrouter.ai/api/v1', source: 'https://openrouter.ai/docs/quickstart' },
    keyVariable: { value: 'OPENROUTER_API_KEY', source: 'https://openrouter.ai/docs/quickstart' },
    reasoningMember: { value: 'reasoning', source: openrouterStream },
    streamUsage: { value: 'always', source: openrouterUsage },
    remarks: [
      { value: 'The chunk with usage is not empty: it has a choice with an empty delta.', source: openrouterStream },
      { value: 'A stream begins with comment lines (`: OPENROUTER PROCESSING`).', source: openrouterStream },
      {
        value: '`error.code` is the HTTP status as a number; the upstream’s own words are in `error.metadata.raw`.',
        source: 'recording openrouter/chat-completions/test_openrouter_errors_raised-1',
      },
    ],
  },
  cerebras: {
    title: 'Cerebras',
    baseUrl: { value: 'https://api.cerebras.ai/v1', source: cerebrasDocs },
    keyVariable: { value: 'CEREBRAS_API_KEY', source: cerebrasDocs },
    reasoningMember: { value: 'reasoning', source: 'https://inference-docs.cerebras.ai/capabilities/reasoning' },
    hasDeveloperRole: { value: false, source: cerebrasDocs },
  },
  vllm: {
    title: 'vLLM',
    baseUrl: {
      value: 'http://localhost:8000/v1',
      source: 'https://docs.vllm.ai/en/v0.11.2/features/reasoning_outputs/',
    },
    reasoningMember: {
      value: 'reasoning',
      source: 'https://docs.vllm.ai/en/v0.11.2/features/reasoning_outputs/',
    },
    remarks: [
      {
        value: 'Releases before the one that this page describes named the field `reasoning_content`.',
        source: 'https://docs.vllm.ai/en/v0.8.3/features/reasoning_outputs.html',
      },
    ],
  },
  sglang: {
    title: 'SGLang',
    baseUrl: {
      value: 'http://localhost:30000/v1',
      source: 'https://docs.sglang.io/advanced_features/server_arguments.html',
    },
    reasoningMember: {
      value: 'reasoning_content',
      source: 'https://docs.sglang.io/docs/advanced_features/separate_reasoning',
    },
  },
  ollama: {
    title: 'Ollama',
    baseUrl: { value: 'http://localhost:11434/v1', source: ollamaDocs },
    maxTokensMember: { value: 'max_tokens', source: ollamaDocs },
    reasoningMember: {
      value: 'reasoning',
      source: 'recording ollama/chat-completions/test_ollama_cloud_tool_output-1',
    },
  },
} as const satisfies Readonly<Record<string, QuirkRow>>;

/** A row's name, as users write it. */
export type QuirkName = keyof typeof quirks;

/** Whether a text names a row. */
export function isQuirkName(name: string): name is QuirkName {
  return Object.hasOwn(quirks, name);
}

/** A row, with the fields that it may lack; undefined for a name that is not in the table. */
export function findQuirks(name: string): QuirkRow | undefined {
  return isQuirkName(name) ? quirks[name] : undefined;
}

/** The dialect of a row: the plain one but for what the row has a source for; the plain one for a name that is empty or not in the table. */
export function toDialect(name: string): Dialectal {
  const row = findQuirks(name);
  if (!row) return plainDialect;
  return {
    dropParameters: row.dropParameters?.value ?? plainDialect.dropParameters,
    maxTokensMember: row.maxTokensMember?.value ?? plainDialect.maxTokensMember,
    reasoningMember: row.reasoningMember?.value ?? plainDialect.reasoningMember,
    hasDeveloperRole: row.hasDeveloperRole?.value ?? plainDialect.hasDeveloperRole,
    hasStreamOptions: row.hasStreamOptions?.value ?? plainDialect.hasStreamOptions,
    isReasoningOutsideCompletion: row.isReasoningOutsideCompletion?.value ?? plainDialect.isReasoningOutsideCompletion,
  };
}
