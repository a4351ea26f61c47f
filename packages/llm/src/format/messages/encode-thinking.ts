// How much the model is to think, in an Anthropic Messages request: one table of efforts, whatever the model wants to hear.
import type { RequestContext } from '../../hub/codec.ts';
import { type Effort, effortBudgets, isEffort } from '../../hub/effort.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { isOwn, ownFields } from '../../hub/notes.ts';
import type { HubRequest, Reasoning } from '../../hub/request.ts';
import { noteForeign } from '../../hub/residue.ts';
import { thinkingKind } from './claude-models.ts';
import { sourcePath } from './source-path.ts';

/** What a request says of thinking, and what follows from it. */
export interface EncodedThinking {
  readonly thinking?: JsonObject;
  readonly effort?: string;
  /** The request thinks within this many tokens, which `max_tokens` must exceed. */
  readonly budgetTokens?: number;
  /** Another format's words turned thinking on: what Anthropic forbids beside it is left out. */
  readonly isTurnedOn: boolean;
}

/** Anthropic's effort for each word of the table; `none` turns thinking off. */
const anthropicEfforts: { readonly [E in Exclude<Effort, 'none'>]: string } = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'max',
};

/** Encodes the wish to think. */
export function encodeThinking(request: HubRequest, context: RequestContext, isThinkingLost: boolean): EncodedThinking {
  const { reasoning } = request;
  if (!reasoning) return { isTurnedOn: false };
  if (isOwn(reasoning, 'messages')) return keepThinking(reasoning, context, isThinkingLost);
  noteForeign(reasoning.extra, { format: 'messages', path: 'reasoning', note: context.note });
  const path = sourcePath(request, 'effort');
  return toThinking(reasoning, { context, path, whyNot: whyNot(request, isThinkingLost) });
}

const lostReason =
  'thinking is turned off for this request: the last turn that called tools has no thoughts that this provider could verify';

function keepThinking(reasoning: Reasoning, { note }: RequestContext, isThinkingLost: boolean): EncodedThinking {
  const { mode, budgetTokens, summary, effort } = reasoning;
  const told = { ...(effort !== undefined && { effort }), isTurnedOn: false };
  if (mode === undefined) return told;
  if (isThinkingLost && mode !== 'disabled') {
    note({ path: 'thinking', message: lostReason });
    return { ...told, thinking: { type: 'disabled' } };
  }
  const thinking = {
    type: mode,
    ...(budgetTokens !== undefined && { budget_tokens: budgetTokens }),
    ...(summary !== undefined && { display: summary }),
    ...ownFields(reasoning, 'messages'),
  };
  return { ...told, thinking };
}

function whyNot({ toolChoice }: HubRequest, isThinkingLost: boolean): string | undefined {
  const isForced = toolChoice?.mode === 'any' || toolChoice?.mode === 'tool' || isForcedSubset(toolChoice);
  if (isForced) return 'thinking is turned off for this request: Anthropic forbids it where a tool is forced';
  return isThinkingLost ? lostReason : undefined;
}

function isForcedSubset(choice: HubRequest['toolChoice']): boolean {
  return choice?.mode === 'allowed' && choice.choice === 'any';
}

interface Circumstances {
  readonly context: RequestContext;
  /** The client's own name for the effort. */
  readonly path: string;
  /** Why thinking must be off. */
  readonly whyNot: string | undefined;
}

function toThinking(reasoning: Reasoning, { context, path, whyNot }: Circumstances): EncodedThinking {
  const { note, model } = context;
  const { effort, summary } = reasoning;
  if (effort === undefined) return { isTurnedOn: false };
  if (!isEffort(effort)) {
    note({ path, message: `the effort ${effort} is unknown and left out` });
    return { isTurnedOn: false };
  }
  const kind = thinkingKind(model);
  if (kind === 'none') {
    if (effort !== 'none') note({ path, message: `${model} does not think: the effort is left out` });
    return { isTurnedOn: false };
  }
  if (effort === 'none') return { thinking: { type: 'disabled' }, isTurnedOn: false };
  const word = kind === 'adaptive' ? { effort: anthropicEfforts[effort] } : {};
  if (whyNot !== undefined) {
    note({ path, message: whyNot });
    return { ...word, thinking: { type: 'disabled' }, isTurnedOn: false };
  }
  if (kind === 'budget') {
    const budgetTokens = effortBudgets[effort];
    return { thinking: { type: 'enabled', budget_tokens: budgetTokens }, budgetTokens, isTurnedOn: true };
  }
  const display = summary === undefined || summary === 'none' ? {} : { display: 'summarized' };
  return { ...word, thinking: { type: 'adaptive', ...display }, isTurnedOn: true };
}
