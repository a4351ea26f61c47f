// The vendors' request bodies as their SDKs type them: what the generated schemas in `schemas/` are made of.
import type { MessageCountTokensParams, MessageCreateParams } from '@anthropic-ai/sdk/resources/beta/messages/messages';
import type { ChatCompletionCreateParams } from 'openai/resources/chat/completions/completions';
import type { EmbeddingCreateParams } from 'openai/resources/embeddings';
import type { ImageGenerateParams } from 'openai/resources/images';
import type { ModerationCreateParams } from 'openai/resources/moderations';
import type { InputTokenCountParams } from 'openai/resources/responses/input-tokens';
import type { ResponseCreateParams } from 'openai/resources/responses/responses';

/** Request bodies by the name of their schema file. */
export interface RequestTypes {
  'chat-completions': ChatCompletionCreateParams;
  responses: ResponseCreateParams;
  'responses-input-tokens': InputTokenCountParams;
  embeddings: EmbeddingCreateParams;
  moderations: ModerationCreateParams;
  'images-generations': ImageGenerateParams;
  messages: MessageCreateParams;
  'count-tokens': MessageCountTokensParams;
}

/** The name of a schema file. */
export type SchemaName = keyof RequestTypes;
