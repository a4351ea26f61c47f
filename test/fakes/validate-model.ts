// What OpenAI's models take and refuse, by their names.
import { listEnum } from './schema.ts';
import { toOpenaiRefusal } from './refusal.ts';

/** Models that OpenAI serves beside those its SDK lists: what the recordings used, and models of other endpoints. */
const moreOpenaiModels = [
  'gpt-5.6',
  'text-embedding-3-small',
  'text-embedding-3-large',
  'text-embedding-ada-002',
  'omni-moderation-latest',
  'gpt-image-1',
  'dall-e-3',
  'whisper-1',
  'gpt-4o-transcribe',
  'gpt-4o-mini-transcribe',
];

let openaiModels: Set<string> | undefined;

/** Whether OpenAI serves a model of this name. */
export function isOpenaiModel(model: string): boolean {
  openaiModels ??= new Set([
    ...listEnum('chat-completions', 'ChatModel'),
    ...listEnum('responses', 'ResponsesModel'),
    ...moreOpenaiModels,
  ]);
  return openaiModels.has(model);
}

/** Whether a model thinks before it answers, and so takes `max_completion_tokens` and no sampling settings. */
export function isReasoningModel(model: string): boolean {
  return /^(?:o\d|gpt-[5-9])/u.test(model) && !model.includes('chat');
}

/** Whether its reasoning can be, and by default is, off: gpt-5.1 and later within the family. Then it takes sampling settings. */
function isReasoningOptional(model: string): boolean {
  return /^gpt-5\.\d(?!.*(?:codex|pro))/u.test(model);
}

/** Refuses an effort that a model does not have, and any where it does not think. `param` names the member. */
export function checkEffort(model: string, effort: unknown, param: string): void {
  if (typeof effort !== 'string') return;
  if (!isReasoningModel(model))
    throw toOpenaiRefusal(`Unsupported parameter: '${param}' is not supported with this model.`, {
      param,
      code: 'unsupported_parameter',
    });
  const hasMinimal = /^gpt-5(?:-mini|-nano)?(?:-\d{4}|$)/u.test(model);
  const isMissing =
    (effort === 'minimal' && !hasMinimal) ||
    (effort === 'none' && (hasMinimal || /^o\d/u.test(model))) ||
    (effort === 'xhigh' && /^(?:o\d|gpt-5(?!\.))/u.test(model));
  if (isMissing)
    throw toOpenaiRefusal(`Unsupported value: '${param}' does not support '${effort}' with this model.`, {
      param,
      code: 'unsupported_value',
    });
}

/** Refuses sampling settings where a model, or its reasoning, does not take them. `effort`: the one asked for. */
export function checkSampling(model: string, body: Readonly<Record<string, unknown>>, effort: unknown): void {
  checkRange(body, 'temperature', 0, 2);
  checkRange(body, 'top_p', 0, 1);
  checkRange(body, 'presence_penalty', -2, 2);
  checkRange(body, 'frequency_penalty', -2, 2);
  if (!isReasoningModel(model)) return;
  if (isReasoningOptional(model) && (effort === undefined || effort === null || effort === 'none')) return;
  for (const name of ['temperature', 'top_p']) {
    const value = body[name];
    if (typeof value === 'number' && value !== 1) {
      throw toOpenaiRefusal(
        `Unsupported value: '${name}' does not support ${String(value)} with this model. Only the default (1) value is supported.`,
        { param: name, code: 'unsupported_value' },
      );
    }
  }
}

function checkRange(body: Readonly<Record<string, unknown>>, name: string, min: number, max: number): void {
  const value = body[name];
  if (typeof value !== 'number' || (value >= min && value <= max)) return;
  const [side, sign, bound] = value < min ? ['below minimum', '>=', min] : ['above maximum', '<=', max];
  throw toOpenaiRefusal(
    `Invalid '${name}': decimal ${side} value. Expected a value ${sign} ${String(bound)}, but got ${String(value)} instead.`,
    { param: name, code: value < min ? 'decimal_below_min_value' : 'decimal_above_max_value' },
  );
}

/** Refuses a limit of output tokens that is no positive number. */
export function checkTokenLimit(body: Readonly<Record<string, unknown>>, name: string, min: number): void {
  const value = body[name];
  if (typeof value !== 'number') return;
  if (!Number.isInteger(value)) {
    throw toOpenaiRefusal(`Invalid type for '${name}': expected an integer, but got a decimal number instead.`, {
      param: name,
      code: 'invalid_type',
    });
  }
  if (value >= min) return;
  throw toOpenaiRefusal(
    `Invalid '${name}': integer below minimum value. Expected a value >= ${String(min)}, but got ${String(value)} instead.`,
    { param: name, code: 'integer_below_min_value' },
  );
}
