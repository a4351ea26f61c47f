// What OpenAI's models take, read from their names, for clients that speak Anthropic's words and cannot know them.
import type { RequestContext } from '../hub/codec.ts';
import { type Effort, isEffort } from '../hub/effort.ts';
import type { HubRequest, Reasoning } from '../hub/request.ts';
import { effortOf } from './chat/request-form.ts';

// Sources: OpenAI's guides on reasoning and on the latest model (efforts by model; sampling only where reasoning is `none`),
// and the pages of the models. Names of which nothing is known are taken for followers of the newest family.

/** Families that do not think; they refuse to be asked for effort, summaries and encrypted thoughts ("not supported with this model"). */
const plain = /^(ft:)?(gpt-3|gpt-4|chatgpt-)|^gpt-5(\.\d)?-chat/;

/** Efforts of the families that have less than the table, first fit; a word that is missing becomes the nearest that is there. */
const efforts: readonly (readonly [family: RegExp, words: readonly Effort[]])[] = [
  [/^o\d/, ['low', 'medium', 'high']],
  [/^gpt-5(\.\d)?-pro/, ['high']],
  [/^gpt-5-codex/, ['low', 'medium', 'high']],
  [/^gpt-5(-mini|-nano)?(-\d{4}|$)/, ['minimal', 'low', 'medium', 'high']],
  [/^gpt-5\.1-codex-max/, ['none', 'low', 'medium', 'high', 'xhigh']],
  [/^gpt-5\.1/, ['none', 'low', 'medium', 'high']],
  [/^gpt-5\.[2-5]/, ['none', 'low', 'medium', 'high', 'xhigh']],
  [/./, ['none', 'low', 'medium', 'high', 'xhigh', 'max']],
];

/** All words in rising order. */
const rising: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** Whether a model of OpenAI's thinks. */
export function isThinking(model: string): boolean {
  return !plain.test(model);
}

/**
 * A Messages request with what the model refuses left out or made to fit, each with a note. Other vendors' models are given
 * it as it is, and so is what an OpenAI client asks for: it speaks the vendor's own words.
 */
export function fitModel(request: HubRequest, context: RequestContext): HubRequest {
  if (context.vendor !== 'openai' || request.extra?.format !== 'messages') return request;
  const reasoning = fitReasoning(request.reasoning, context);
  const fitted: HubRequest = { ...request, ...(reasoning && { reasoning }) };
  if (!reasoning) delete fitted.reasoning;
  if (!isThinking(context.model)) return fitted;
  // Whoever does not think takes sampling: from gpt-5.1 on that is the default.
  const effort = effortOf(reasoning, false);
  if (wordsOf(context.model).includes('none') && (effort === undefined || effort === 'none')) return fitted;
  for (const [member, name] of [
    ['temperature', 'temperature'],
    ['topP', 'top_p'],
  ] as const) {
    if (fitted[member] === undefined || fitted[member] === 1) continue;
    context.note({ path: name, message: `left out: ${context.model} takes none while it thinks` });
    delete fitted[member];
  }
  return fitted;
}

function wordsOf(model: string): readonly Effort[] {
  return efforts.find(([family]) => family.test(model))?.[1] ?? rising;
}

function fitReasoning(reasoning: Reasoning | undefined, { model, note }: RequestContext): Reasoning | undefined {
  if (!reasoning) return undefined;
  const word = effortOf(reasoning, false);
  if (!isThinking(model)) {
    const isWanted = word !== 'none' && (word !== undefined || reasoning.mode !== undefined);
    if (isWanted) note({ path: 'reasoning', message: `left out: ${model} does not think` });
    return undefined;
  }
  if (word === undefined || !isEffort(word)) return reasoning;
  const fit = nearest(word, wordsOf(model));
  if (fit === word) return reasoning;
  note({ path: 'reasoning.effort', message: `${fit} in place of ${word}, which ${model} does not have` });
  return { ...reasoning, effort: fit };
}

/** The nearest word; of two the higher, because asking for some thought is not asking for none. */
function nearest(word: Effort, words: readonly Effort[]): Effort {
  const place = rising.indexOf(word);
  const distance = (other: Effort): number => Math.abs(rising.indexOf(other) - place);
  return words.reduce((best, other) => (distance(other) <= distance(best) ? other : best));
}
