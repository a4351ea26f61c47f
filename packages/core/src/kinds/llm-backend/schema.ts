// LLMBackend: providers, and the model names that are served from them (contract 12).
import type { z } from 'zod';
import {
  exactlyOne,
  integer,
  list,
  name,
  oneOf,
  pattern,
  quantity,
  secret,
  strict,
  text,
} from '../../schema/dialect.ts';

const address = {
  baseUrl: pattern('^https?://[^/?#]+(/[^?#]*)?$', 'must be an http or https URL without query', 2048)
    .optional()
    .describe('Scheme, host, port and path prefix, in place of the provider’s own.'),
};
const model = () => pattern('^[^*]*\\*?[^*]*$', 'may hold one *', 256);

/** LLMBackend.spec. */
export const llmBackendSpec = strict({
  providers: list(
    exactlyOne(['openai', 'anthropic', 'openaiCompatible', 'echo'], {
      name: name().describe('Unique within the backend; clients may ask for `name/model`.'),
      openai: strict(address).optional().describe('OpenAI: Chat Completions and Responses.'),
      anthropic: strict(address).optional().describe('Anthropic: Messages.'),
      openaiCompatible: strict(address)
        .optional()
        .describe('Any server that speaks Chat Completions; baseUrl is required.'),
      echo: strict({}).optional().describe('The embedded model that answers with the last user text.'),
      auth: strict({ key: secret().describe('The API key.') })
        .optional()
        .describe('The credential sent upstream; without it none is sent.'),
    }),
  ).default([]),
  models: list(
    strict({
      name: model().describe('The name a client asks for: exact, or with one *.'),
      targets: list(
        exactlyOne(['provider', 'backendRef'], {
          provider: name().optional().describe('A provider of this backend.'),
          backendRef: strict({ name: name(), namespace: name().optional() }).optional().describe('Another LLMBackend.'),
          model: text(256).optional().describe('The name sent upstream; the name asked for when left out.'),
          weight: integer(0, 1_000_000).default(1).describe('Share among targets of the same priority.'),
          priority: integer(0, 100).default(0).describe('Lower is tried first.'),
        }),
        32,
      ).min(1),
    }),
    1000,
  ).default([]),
  includes: list(strict({ name: name(), namespace: name().optional() }), 32)
    .default([])
    .describe('Other LLMBackends whose models are served here too, in this order.'),
  expose: oneOf('All', 'Listed').default('All').describe('All also serves `provider/model` names beyond `models`.'),
  requestBytesMax: quantity().default('32Mi').describe('Longest request body.'),
});

/** LLMBackend.spec as parsed. */
export type LlmBackendSpec = z.output<typeof llmBackendSpec>;
