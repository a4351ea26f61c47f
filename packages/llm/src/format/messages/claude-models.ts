// What Anthropic's models take, read from their names: how they think, and whether they still take sampling parameters.

/** How a model thinks: not at all, within a budget of tokens, or as it sees fit with an effort. */
export type ThinkingKind = 'none' | 'budget' | 'adaptive';

/** First versions with each trait; 4.5 is 45. Sources: Anthropic's pages on extended thinking, adaptive thinking and migration. */
const since = { thinking: 37, adaptive: 46, noSampling: 47, noSamplingPair: 41 } as const;

/** The version in a name such as `claude-sonnet-4-5-20250929` or `anthropic.claude-3-7-sonnet-v1:0`; undefined where there is none. */
export function claudeVersion(model: string): number | undefined {
  const [, major, minor = '0'] = /claude-(?:[a-z]+-)?v?(\d)(?:[-.](\d)(?!\d))?/.exec(model) ?? [];
  return major === undefined ? undefined : Number(major) * 10 + Number(minor);
}

/** How a model thinks. Claude models of no known version are taken for new ones, others for followers of the older form. */
export function thinkingKind(model: string): ThinkingKind {
  const version = claudeVersion(model);
  if (version === undefined) return model.includes('claude') ? 'adaptive' : 'budget';
  if (version < since.thinking) return 'none';
  return version < since.adaptive ? 'budget' : 'adaptive';
}

/** Whether a model refuses temperature, top_p and top_k unless they are the defaults. */
export function refusesSampling(model: string): boolean {
  return (claudeVersion(model) ?? 0) >= since.noSampling;
}

/** Whether a model refuses temperature together with top_p. */
export function refusesSamplingPair(model: string): boolean {
  return (claudeVersion(model) ?? since.noSamplingPair) >= since.noSamplingPair;
}
