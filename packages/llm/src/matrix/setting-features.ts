// Features of settings: output, reasoning, sampling, limits, what only one format knows.
import { jsonInstruction } from '../format/messages/encode-turns.ts';
import type { FormatName } from '../format.ts';
import { type RequestFeature, ask, body, schema, withTools } from './request-words.ts';
import type { Square } from './square.ts';

/** A field that only its own format keeps. */
function kept(format: FormatName): Square {
  return (from) =>
    from === format ? body({ new_thing: { a: 1 } }) : { body: {}, without: ['new_thing'], notes: [/new_thing/] };
}

/** Features of settings. */
export const settingFeatures = {
  structuredOutput: {
    asked: ask({
      chat: { response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } } },
      responses: { text: { format: { type: 'json_schema', name: 'place', schema, strict: true } } },
      messages: { output_config: { format: { type: 'json_schema', schema } } },
    }),
    sent: {
      chat: body({ response_format: { type: 'json_schema', json_schema: { schema } } }),
      responses: body({ text: { format: { type: 'json_schema', schema } } }),
      messages: body({ output_config: { format: { type: 'json_schema', schema } } }),
    },
  },
  jsonMode: {
    asked: ask({
      chat: { response_format: { type: 'json_object' } },
      responses: { text: { format: { type: 'json_object' } } },
      messages: { absent: 'Anthropic has no JSON mode' },
    }),
    sent: {
      chat: body({ response_format: { type: 'json_object' } }),
      responses: body({ text: { format: { type: 'json_object' } } }),
      messages: { body: { system: jsonInstruction }, notes: [/JSON mode/] },
    },
  },
  reasoningEffort: {
    asked: ask({
      chat: { reasoning_effort: 'high' },
      responses: { reasoning: { effort: 'high' } },
      messages: { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } },
    }),
    sent: {
      chat: body({ reasoning_effort: 'high' }),
      responses: body({ reasoning: { effort: 'high' } }),
      messages: body({ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }),
    },
  },
  reasoningBudget: {
    asked: ask({
      chat: { absent: 'OpenAI counts no budget' },
      responses: { absent: 'OpenAI counts no budget' },
      messages: { thinking: { type: 'enabled', budget_tokens: 8192 }, max_tokens: 9000 },
    }),
    sent: {
      chat: body({ reasoning_effort: 'medium' }),
      responses: body({ reasoning: { effort: 'medium' } }),
      messages: body({ thinking: { type: 'enabled', budget_tokens: 8192 } }),
    },
  },
  sampling: {
    asked: ask({
      chat: { temperature: 0.5, max_completion_tokens: 50 },
      responses: { temperature: 0.5, max_output_tokens: 50 },
      messages: { temperature: 0.5, max_tokens: 50 },
    }),
    sent: {
      chat: body({ temperature: 0.5, max_completion_tokens: 50 }),
      responses: body({ temperature: 0.5, max_output_tokens: 50 }),
      messages: body({ temperature: 0.5, max_tokens: 50 }),
    },
  },
  stopSequences: {
    asked: ask({
      chat: { stop: 'END' },
      responses: { absent: 'Responses has no stop sequences' },
      messages: { stop_sequences: ['END'] },
    }),
    sent: {
      chat: (from) => body({ stop: from === 'chat' ? 'END' : ['END'] }),
      responses: { refused: 'stop' },
      messages: body({ stop_sequences: ['END'] }),
    },
  },
  limitUnsaid: {
    asked: ask({ chat: {}, responses: {}, messages: { absent: 'Anthropic demands it' } }),
    sent: {
      chat: { body: {}, without: ['max_tokens', 'max_completion_tokens'] },
      responses: { body: {}, without: ['max_output_tokens'] },
      messages: { body: { max_tokens: 4096 }, notes: [/table of maxima/] },
    },
  },
  user: {
    asked: ask({ chat: { user: 'u-1' }, responses: { user: 'u-1' }, messages: { metadata: { user_id: 'u-1' } } }),
    sent: {
      chat: body({ user: 'u-1' }),
      responses: body({ user: 'u-1' }),
      messages: body({ metadata: { user_id: 'u-1' } }),
    },
  },
  unknownFields: {
    asked: ask({
      chat: { new_thing: { a: 1 } },
      responses: { new_thing: { a: 1 } },
      messages: { new_thing: { a: 1 } },
    }),
    sent: { chat: kept('chat'), responses: kept('responses'), messages: kept('messages') },
  },
  forcedToolEndsThinking: {
    asked: ask(
      withTools({
        chat: { reasoning_effort: 'high', tool_choice: 'required' },
        responses: { reasoning: { effort: 'high' }, tool_choice: 'required' },
        messages: { thinking: { type: 'adaptive' }, tool_choice: { type: 'any' } },
      }),
    ),
    sent: {
      chat: body({ tool_choice: 'required' }),
      responses: body({ tool_choice: 'required' }),
      messages: (from) =>
        from === 'messages'
          ? body({ thinking: { type: 'adaptive' } })
          : { body: { thinking: { type: 'disabled' }, tool_choice: { type: 'any' } }, notes: [/forced/] },
    },
  },
  severalAnswers: {
    asked: ask({
      chat: { n: 2 },
      responses: { absent: 'Responses answers once' },
      messages: { absent: 'Anthropic answers once' },
    }),
    sent: { chat: body({ n: 2 }), responses: { refused: 'answer' }, messages: { refused: 'answer' } },
  },
  keptConversation: {
    asked: ask({
      chat: { absent: 'Chat keeps no conversations' },
      responses: { previous_response_id: 'resp_1' },
      messages: { absent: 'Anthropic keeps no conversations' },
    }),
    sent: {
      chat: { refused: 'conversation' },
      responses: body({ previous_response_id: 'resp_1' }),
      messages: { refused: 'conversation' },
    },
  },
  seed: {
    asked: ask({
      chat: { seed: 7 },
      responses: { absent: 'Responses takes no seed' },
      messages: { absent: 'Anthropic takes no seed' },
    }),
    sent: {
      chat: body({ seed: 7 }),
      responses: { body: {}, without: ['seed'], notes: [/seed/] },
      messages: { body: {}, without: ['seed'], notes: [/seed/] },
    },
  },
  topK: {
    asked: ask({
      chat: { absent: 'OpenAI takes no top_k' },
      responses: { absent: 'OpenAI takes no top_k' },
      messages: { top_k: 5 },
    }),
    sent: {
      chat: { body: {}, without: ['top_k'], notes: [/top_k/] },
      responses: { body: {}, without: ['top_k'], notes: [/top_k/] },
      messages: body({ top_k: 5 }),
    },
  },
  hotTemperature: {
    asked: ask({
      chat: { temperature: 1.7 },
      responses: { temperature: 1.7 },
      messages: { absent: 'Anthropic takes 1 at most' },
    }),
    sent: {
      chat: body({ temperature: 1.7 }),
      responses: body({ temperature: 1.7 }),
      messages: { body: { temperature: 1 }, notes: [/lowered/] },
    },
  },
  verbosity: {
    asked: ask({
      chat: { verbosity: 'low' },
      responses: { text: { verbosity: 'low' } },
      messages: { absent: 'Anthropic has no such word' },
    }),
    sent: {
      chat: body({ verbosity: 'low' }),
      responses: body({ text: { verbosity: 'low' } }),
      messages: { body: {}, without: ['verbosity', 'text'], notes: [/verbosity/] },
    },
  },
} as const satisfies Record<string, RequestFeature>;
