// The neutral request: what every format's request decodes to and encodes from.
import type { CacheMark, Part } from './content.ts';
import type { Extra, JsonObject } from './extra.ts';

/** One turn. Instructions of any format are leading `system` or `developer` turns; results of tools are parts of `tool` or `user` turns. */
export interface Turn {
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  parts: Part[];
  /** Name of the participant (Chat Completions). */
  name?: string;
  extra?: Extra;
  path?: string;
}

/** A tool the model may call. */
export type Tool =
  | {
      kind: 'function';
      name: string;
      description?: string;
      /** JSON Schema; undefined where the client sent none. */
      parameters?: JsonObject;
      strict?: boolean;
      cache?: CacheMark;
      extra?: Extra;
      path?: string;
    }
  | { kind: 'custom'; name: string; description?: string; format?: JsonObject; extra?: Extra; path?: string }
  /** A tool that the provider runs itself; it exists in its own format alone. */
  | { kind: 'hosted'; format: Extra['format']; name: string; value: JsonObject; path?: string };

/** Which tools must or may be called. */
export type ToolChoice =
  | { readonly mode: 'auto' | 'any' | 'none'; readonly extra?: Extra }
  | { readonly mode: 'tool'; readonly name: string; readonly kind: 'function' | 'custom'; readonly extra?: Extra }
  | {
      readonly mode: 'allowed';
      readonly choice: 'auto' | 'any';
      readonly names: readonly string[];
      readonly extra?: Extra;
    };

/** How the answer is to be shaped. */
export type OutputFormat =
  | { readonly type: 'text'; readonly extra?: Extra }
  | { readonly type: 'json'; readonly extra?: Extra }
  | {
      readonly type: 'jsonSchema';
      readonly name?: string;
      readonly description?: string;
      readonly schema: JsonObject;
      readonly strict?: boolean;
      readonly extra?: Extra;
    };

/** How much the model is to think. Effort and budget are both kept as the client said them. */
export interface Reasoning {
  effort?: string;
  /** Tokens (Anthropic `budget_tokens`). */
  budgetTokens?: number;
  /** Anthropic's `thinking.type`. */
  mode?: 'enabled' | 'adaptive' | 'disabled';
  /** Whether and how summaries are wanted (Responses `summary`, Anthropic `display`). */
  summary?: string;
  extra?: Extra;
}

/** A request in no format's words. Absent members were absent. */
export interface HubRequest {
  model: string;
  turns: Turn[];
  tools?: Tool[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  output?: OutputFormat;
  /** `low | medium | high`. */
  verbosity?: string;
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  stop?: string[];
  /** How many answers. */
  count?: number;
  seed?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  logitBias?: JsonObject;
  /** Number of alternatives per token; 0 asks for the chosen ones only. */
  logprobs?: number;
  reasoning?: Reasoning;
  stream: boolean;
  /** Whether the client asked for usage in the stream (Chat Completions). */
  includeUsage?: boolean;
  /** Opaque end-user id. */
  user?: string;
  /** Another, kept apart by OpenAI for its own watch over misuse. */
  safetyIdentifier?: string;
  /** Free values that the provider stores. */
  metadata?: JsonObject;
  serviceTier?: string;
  promptCacheKey?: string;
  /** Whether the provider is to keep the answer (Responses, Chat Completions). */
  store?: boolean;
  /** State kept by the provider (Responses `previous_response_id`, `conversation`): refused across formats. */
  previousId?: string;
  extra?: Extra;
}
