// One table between the words for how much a model is to think and the tokens it may think for.

/** Efforts in rising order, as OpenAI and Anthropic call them, and the thinking budget that stands for each; tokens. */
export const effortBudgets = {
  none: 0,
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 24_576,
  max: 32_768,
} as const;

/** A word for how much to think. */
export type Effort = keyof typeof effortBudgets;

/** Smallest budget that Anthropic takes; tokens. */
export const budgetTokensMin = 1024;

/** Whether a text is one of the table's words. */
export function isEffort(word: string): word is Effort {
  return Object.hasOwn(effortBudgets, word);
}

/** The largest effort whose budget is not more than the tokens; below the smallest budget it is `minimal`, and 0 is `none`. */
export function toEffort(budgetTokens: number): Effort {
  const reached = Object.entries(effortBudgets).filter(([, tokens]) => tokens <= Math.max(0, budgetTokens));
  const [word = 'none'] = reached.at(-1) ?? [];
  return word === 'none' && budgetTokens > 0 ? 'minimal' : (word as Effort);
}
