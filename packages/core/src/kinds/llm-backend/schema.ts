// LLMBackend: providers, and the model names that are served from them (contract 12).
import { type QuirkName, quirks } from '@agentgateway/llm/provider/quirks.ts';
import type { z } from 'zod';
import {
  duration,
  exactlyOne,
  integer,
  list,
  money,
  name,
  oneOf,
  pattern,
  quantity,
  secret,
  strict,
  text,
} from '../../schema/dialect.ts';

const address = {
  // A user and password in it would be printed wherever the URL is.
  baseUrl: pattern(
    '^https?://[^/?#@]+(/[^?#]*)?$',
    'must be an http or https URL without query, user and password; a credential belongs in auth.key',
    2048,
  )
    .optional()
    .describe('Scheme, host, port and path prefix, in place of the provider’s own.'),
};
/** What users call the formats → what they are called on the wire. */
export const formatNames = { Chat: 'chat', Responses: 'responses', Messages: 'messages' } as const;
const formats = {
  formats: list(oneOf('Chat', 'Responses', 'Messages'), 3)
    .min(1)
    .optional()
    .describe(
      'Formats the server speaks, the preferred one first. A client’s own is used where it is among them; else requests are translated to the first.',
    ),
};
const model = () => pattern('^[^*]*\\*?[^*]*$', 'may hold one *', 256);

/** USD per million tokens; a rate of at most six decimals is a whole number of pico-dollars per token. */
const rate = (what: string) => money(6).optional().describe(`USD per million ${what} tokens.`);
const rates = {
  input: rate('uncached input'),
  output: rate('output'),
  cacheRead: rate('cached input'),
  cacheWrite5m: rate('input written to the cache for 5 minutes'),
  cacheWrite1h: rate('input written to the cache for an hour'),
  reasoning: rate('reasoning'),
  inputAudio: rate('audio input'),
  outputAudio: rate('audio output'),
  request: money().optional().describe('USD per request.'),
};
const price = strict({
  model: model().describe('The name sent upstream, exact or with one *; an exact name wins, then the longest.'),
  ...rates,
  tiers: list(
    strict({
      aboveInputTokens: integer(1, 1_000_000_000).describe(
        'The tier prices requests with more input tokens, cached ones included.',
      ),
      ...rates,
    }),
    8,
  )
    .default([])
    .describe('Rates of requests with much input; what a tier leaves out is the rate above.'),
});
const backendReference = {
  name: name().describe('Name of the LLMBackend.'),
  namespace: name().optional().describe('Its own when left out; another one needs a ReferenceGrant there.'),
};
const maxTokens = strict({
  model: model().describe('The name sent upstream, exact or with one *; an exact name wins, then the longest.'),
  maxTokens: integer(1, 100_000_000).describe('The largest max_tokens that the model takes.'),
});

/** LLMBackend.spec. */
export const llmBackendSpec = strict({
  providers: list(
    exactlyOne(['openai', 'anthropic', 'openaiCompatible', 'echo'], {
      name: name().describe('Unique within the backend; clients may ask for `name/model`.'),
      openai: strict({ ...address, ...formats })
        .optional()
        .describe('OpenAI: Chat Completions and Responses; formats narrows that.'),
      anthropic: strict(address).optional().describe('Anthropic: Messages.'),
      openaiCompatible: strict({
        ...address,
        ...formats,
        quirks: oneOf(...(Object.keys(quirks) as [QuirkName, ...QuirkName[]]))
          .optional()
          .describe('The server’s row in the table of quirks, such as groq or vllm; the plain profile when left out.'),
      })
        .optional()
        .describe('Any server that speaks Chat Completions; baseUrl is required where the row of quirks has none.'),
      echo: strict({}).optional().describe('The embedded model that answers with the last user text.'),
      auth: strict({ key: secret().describe('The API key.') })
        .optional()
        .describe('The credential sent upstream; without it none is sent.'),
      maxTokensDefault: integer(1, 100_000_000)
        .optional()
        .describe(
          'Sent where the provider demands max_tokens and neither the request nor `maxTokens` has one; a built-in table of maxima when left out.',
        ),
      maxTokens: list(maxTokens, 256).default([]).describe('Maxima by model, in place of the built-in table.'),
      prices: list(price, 256).default([]).describe('Prices by model, in place of the built-in catalogue.'),
    }),
  )
    .default([])
    .describe('Who answers.'),
  models: list(
    strict({
      name: model().describe('The name a client asks for: exact, or with one *.'),
      targets: list(
        exactlyOne(['provider', 'backendRef'], {
          provider: name().optional().describe('A provider of this backend.'),
          backendRef: strict(backendReference)
            .optional()
            .describe('Another LLMBackend, which is asked for the target’s model.'),
          model: text(256).optional().describe('The name sent upstream; the name asked for when left out.'),
          weight: integer(0, 1_000_000).default(1).describe('Share among targets of the same priority.'),
          priority: integer(0, 100).default(0).describe('Lower is tried first.'),
        }),
        32,
      )
        .min(1)
        .describe('Who may serve the name; their order means nothing.'),
    }),
    1000,
  )
    .default([])
    .describe('Names that clients ask for.'),
  includes: list(strict(backendReference), 1000)
    .default([])
    .describe('Other LLMBackends whose models are served here too, in this order.'),
  expose: oneOf('All', 'Listed').default('All').describe('All also serves `provider/model` names beyond `models`.'),
  health: strict({
    failures: integer(1, 1000).default(5).describe('Failures in a row after which a provider is left alone.'),
    backoff: duration()
      .default('10s')
      .describe('For how long at first; twice as long after each failure that follows.'),
    backoffMax: duration().default('5m').describe('For how long at most.'),
  })
    .default({ failures: 5, backoff: '10s', backoffMax: '5m' })
    .describe('When a failing provider is left alone.'),
  onClientGone: oneOf('Abort', 'Drain')
    .default('Abort')
    .describe('What becomes of the upstream call when the client leaves: Drain reads it to its end for exact usage.'),
  requestBytesMax: quantity().default('32Mi').describe('Longest request body.'),
});

/** LLMBackend.spec as parsed. */
export type LlmBackendSpec = z.output<typeof llmBackendSpec>;
