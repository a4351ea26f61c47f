// Writes a scripted answer as the Chat Completions API does, whole or as chunks.
import { cut, fakeTimeS, toEvent, type RenderContext, type ScriptedStop, type ScriptedUsage } from './answer.ts';
import { isObject } from './json.ts';

type Json = Record<string, unknown>;

const finishReasons: Readonly<Record<ScriptedStop, string>> = {
  done: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'context-full': 'length',
  tools: 'tool_calls',
  filtered: 'content_filter',
  paused: 'stop',
};

/** A `chat.completion` object. */
export function renderChat(context: RenderContext): Json {
  const { answer, id, model, kind } = context;
  const message = {
    role: 'assistant',
    content: answer.text === '' ? null : answer.text,
    refusal: answer.refusal === '' ? null : answer.refusal,
    annotations: [],
    // OpenAI's chat shows no reasoning; DeepSeek's convention is what most compatible vendors follow.
    ...(kind === 'openai-compatible' && answer.reasoning !== '' ? { reasoning_content: answer.reasoning } : {}),
    ...(answer.toolCalls.length > 0
      ? { tool_calls: answer.toolCalls.map((call) => ({ id: call.id, type: 'function', function: toFunction(call) })) }
      : {}),
  };
  const choices = listChoices(context).map((index) => ({
    index,
    message,
    logprobs: null,
    finish_reason: finishReasons[answer.stop],
  }));
  return {
    id: id('chatcmpl-'),
    object: 'chat.completion',
    created: fakeTimeS,
    model,
    choices,
    usage: renderChatUsage(answer.usage),
    service_tier: 'default',
    system_fingerprint: 'fp_fake',
  };
}

/** The chunks of a stream and its `[DONE]`. Usage comes where it was asked for, last, with empty choices; every chunk before it then says `usage: null`. */
export function renderChatStream(context: RenderContext): Uint8Array[] {
  const { answer, id, model, kind, request } = context;
  const options = request['stream_options'];
  const withUsage = isObject(options) && options['include_usage'] === true;
  const head = {
    id: id('chatcmpl-'),
    object: 'chat.completion.chunk',
    created: fakeTimeS,
    model,
    service_tier: 'default',
    system_fingerprint: 'fp_fake',
  };
  // OpenAI pads each chunk against observers of lengths, unless told not to.
  const isPadded = kind === 'openai' && !(isObject(options) && options['include_obfuscation'] === false);
  const padding = isPadded ? { obfuscation: 'fake' } : {};
  const toChunk = (choices: readonly Json[], usage: unknown = null): Uint8Array =>
    toEvent({ ...head, choices, ...(withUsage ? { usage } : {}), ...padding });
  const frames: Uint8Array[] = [];
  for (const index of listChoices(context)) {
    const add = (delta: Json, finish: string | null = null): void => {
      frames.push(toChunk([{ index, delta, logprobs: null, finish_reason: finish }]));
    };
    const hasText = answer.text !== '';
    add({ role: 'assistant', content: hasText ? '' : null, refusal: null });
    if (kind === 'openai-compatible') {
      for (const piece of cut(answer.reasoning, answer.chunkChars)) add({ reasoning_content: piece });
    }
    for (const piece of cut(answer.text, answer.chunkChars)) add({ content: piece });
    for (const piece of cut(answer.refusal, answer.chunkChars)) add({ refusal: piece });
    answer.toolCalls.forEach((call, at) => {
      add({ tool_calls: [{ index: at, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] });
      for (const piece of cut(call.arguments, answer.chunkChars)) {
        add({ tool_calls: [{ index: at, function: { arguments: piece } }] });
      }
    });
    add({}, finishReasons[answer.stop]);
  }
  if (withUsage) frames.push(toChunk([], renderChatUsage(answer.usage)));
  frames.push(toEvent('[DONE]'));
  return frames;
}

/** What ends a chunked stream that fails: an error as data, and no `[DONE]`. */
export function renderChatStreamError(message: string): Uint8Array[] {
  return [toEvent({ error: { message, type: 'server_error', param: null, code: null } })];
}

function renderChatUsage(usage: ScriptedUsage): Json {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function toFunction(call: { readonly name: string; readonly arguments: string }): Json {
  return { name: call.name, arguments: call.arguments };
}

function listChoices({ request }: RenderContext): number[] {
  return Array.from({ length: typeof request['n'] === 'number' ? request['n'] : 1 }, (_, index) => index);
}
