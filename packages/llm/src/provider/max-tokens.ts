// The most tokens that a Claude model answers with: Messages requires max_tokens, and a small guess would cut answers.

const current = 'https://platform.claude.com/docs/en/models';
const overview = 'https://platform.claude.com/docs/en/about-claude/models/overview';

/** Start of the model's name → most output tokens. The longest start that fits counts. */
export const maxTokensTable: readonly { readonly prefix: string; readonly tokens: number; readonly source: string }[] =
  [
    { prefix: 'claude-fable-5', tokens: 128_000, source: current },
    { prefix: 'claude-opus-5', tokens: 128_000, source: current },
    { prefix: 'claude-sonnet-5', tokens: 128_000, source: current },
    { prefix: 'claude-haiku-5', tokens: 128_000, source: current },
    { prefix: 'claude-opus-4-8', tokens: 128_000, source: overview },
    { prefix: 'claude-opus-4-7', tokens: 128_000, source: overview },
    { prefix: 'claude-opus-4-6', tokens: 128_000, source: overview },
    { prefix: 'claude-opus-4-5', tokens: 64_000, source: overview },
    { prefix: 'claude-opus-4', tokens: 32_000, source: overview },
    { prefix: 'claude-sonnet-4', tokens: 64_000, source: overview },
    { prefix: 'claude-haiku-4-5', tokens: 64_000, source: overview },
    { prefix: 'claude-3-7-sonnet', tokens: 64_000, source: overview },
    { prefix: 'claude-3-5-sonnet', tokens: 8192, source: overview },
    { prefix: 'claude-3-5-haiku', tokens: 8192, source: overview },
    { prefix: 'claude-3-opus', tokens: 4096, source: overview },
    { prefix: 'claude-3-sonnet', tokens: 4096, source: overview },
    { prefix: 'claude-3-haiku', tokens: 4096, source: overview },
  ];

/** For a Claude model that is not in the table: older families are, so it is a newer one, and none of those allows less. */
export const newerClaudeTokensDefault = 32_000;
/** For any other model behind the Messages API; a larger one would be refused by many servers. */
export const otherTokensDefault = 8192;

/** How many tokens to allow where the client did not say, and who says so. */
export interface MaxOutputTokens {
  readonly tokens: number;
  readonly source: 'configured' | 'table' | 'default';
}

/** The limit to send for a model; `configured` (0: not) comes before the table. Platform prefixes such as `anthropic.` do not matter. */
export function maxOutputTokens(model: string, configured = 0): MaxOutputTokens {
  if (configured > 0) return { tokens: configured, source: 'configured' };
  const start = model.indexOf('claude-');
  if (start < 0) return { tokens: otherTokensDefault, source: 'default' };
  const name = model.slice(start);
  const fitting = maxTokensTable.filter(({ prefix }) => isFamily(name, prefix));
  const longest = fitting.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  return longest
    ? { tokens: longest.tokens, source: 'table' }
    : { tokens: newerClaudeTokensDefault, source: 'default' };
}

/** `claude-opus-4` is the family of `claude-opus-4-1` and `claude-opus-4@20250514`, not of `claude-opus-40`. */
function isFamily(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && !/[a-z0-9]/.test(name.charAt(prefix.length));
}
