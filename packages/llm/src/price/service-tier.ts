// What a service tier does to token prices, where the vendor publishes one share for all its models.

/** Names of the ordinary tier, with which the catalogue's rates hold. */
const standardTiers = new Set(['', 'default', 'standard', 'on_demand', 'auto']);
/** Of these, the ones that leave the choice to the provider. */
const openTiers = new Set(['', 'auto']);

/** A tier's share of the standard token rates, in percent. */
interface KnownTier {
  readonly name: string;
  readonly percent: number;
  /** Models it holds for, with or without a date; absent: every model. */
  readonly models?: readonly string[];
  readonly source: string;
}

const openaiPriority = 'https://openai.com/api-priority-processing/';
const priority = (percent: number, ...models: readonly string[]): KnownTier => ({
  name: 'priority',
  percent,
  models,
  source: openaiPriority,
});

/** Price provider → tiers. Anthropic's priority tier is capacity bought beforehand, so a call has no price of its own. */
export const knownTiers: Readonly<Record<string, readonly KnownTier[]>> = {
  openai: [
    { name: 'batch', percent: 50, source: 'https://platform.openai.com/docs/guides/batch' },
    { name: 'flex', percent: 50, source: 'https://platform.openai.com/docs/guides/flex-processing' },
    priority(200, 'gpt-5', 'gpt-5-codex', 'gpt-5.1', 'gpt-5.1-codex', 'gpt-5.2', 'gpt-5.4', 'gpt-5.4-mini'),
    priority(180, 'gpt-5-mini'),
    priority(175, 'gpt-4.1', 'gpt-4.1-mini', 'o3', 'gpt-4o-2024-05-13'),
    priority(200, 'gpt-4.1-nano'),
    priority(170, 'gpt-4o', 'gpt-4o-2024-08-06', 'gpt-4o-2024-11-20'),
  ],
  anthropic: [
    {
      name: 'batch',
      percent: 50,
      source: 'https://platform.claude.com/docs/en/build-with-claude/batch-processing',
    },
  ],
};

/** Tier names and percents, from the table and from configuration, which wins. */
export type ServiceTiers = ReadonlyMap<string, number>;

/** The tiers of a model. */
export function toServiceTiers(
  provider: string,
  model: string,
  overrides: readonly { readonly name: string; readonly percent: number }[],
): ServiceTiers {
  const tiers = Object.hasOwn(knownTiers, provider) ? knownTiers[provider]! : [];
  const exact = tiers.filter(({ models }) => models?.includes(model));
  const undated = model.replace(/-\d{4}-\d{2}-\d{2}$/, '');
  const known = tiers.filter(({ models }) => !models || models.includes(undated));
  return new Map([...known, ...exact, ...overrides].map(({ name, percent }) => [name, percent]));
}

/** The percent of a tier; a tier without a known price is charged as the ordinary one, and `isKnown` says so. */
export function choosePercent(tiers: ServiceTiers, tier: string | undefined): { percent: number; isKnown: boolean } {
  const name = tier ?? '';
  const percent = tiers.get(name);
  if (percent !== undefined) return { percent, isKnown: true };
  return { percent: 100, isKnown: standardTiers.has(name) };
}

/** The most that a request may be charged: an asked tier may be downgraded to the ordinary one, and an open choice upgraded to any. */
export function worstPercent(tiers: ServiceTiers, tier: string | undefined): number {
  const name = tier ?? '';
  const asked = tiers.get(name);
  if (asked !== undefined) return Math.max(100, asked);
  if (standardTiers.has(name) && !openTiers.has(name)) return 100;
  return Math.max(100, ...tiers.values());
}
