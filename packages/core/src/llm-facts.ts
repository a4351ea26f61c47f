// What is known of an LLM request while it runs: read by CEL, logs, metrics and the admin side.
import type { Usage } from '@agentgateway/llm/usage.ts';

/** Facts of one LLM exchange. Times in milliseconds since the exchange began. */
export interface LlmFacts {
  /** The operation in OTel's words: chat, embeddings, or the path for what passes through. */
  operation: string;
  /** The client's format. */
  format: string;
  /** The name the client asked for. */
  requestModel: string;
  /** The configured name that served it, for labels; `other` where it is not configured. */
  modelLabel: string;
  /** The provider's name in the configuration. */
  provider?: string;
  /** Whose API it is, in OTel's words (`gen_ai.provider.name`): `openai`, `anthropic`, `mistral_ai` … */
  vendor?: string;
  /** The name sent upstream. */
  upstreamModel?: string;
  responseModel?: string;
  isStreaming: boolean;
  usage?: Usage;
  /** Nano-dollars; undefined where the price is unknown. */
  costNano?: bigint;
  /** Why there is no cost. */
  costUnknown?: string;
  firstTokenMs?: number;
  finishReason?: string;
  /** Request parameters of OTel's gen_ai.request.*, as sent by the client. */
  readonly params: Readonly<Record<string, number | string | boolean>>;
}
