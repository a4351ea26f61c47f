// The usage vector in Anthropic's members, and what a usage block says beyond the vector.
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../../hub/extra.ts';
import { type Usage, asObject } from '../../usage.ts';

/** OpenAI's tiers under Anthropic's names. */
const tiers: Readonly<Record<string, string>> = { default: 'standard' };

/** Members of the vector; those that are absent stay absent. The input counts add up to the total, whatever a vendor counts twice. */
export function encodeUsage(usage: Usage): JsonObject {
  const { inputTotal, inputCacheRead: read, inputCacheWrite1h, outputTotal, outputReasoning } = usage;
  const { serviceTier, webSearches } = usage;
  const writable = inputTotal === undefined ? Infinity : Math.max(0, inputTotal - (read ?? 0));
  const write1h = inputCacheWrite1h === undefined ? undefined : Math.min(inputCacheWrite1h, writable);
  const write5m =
    usage.inputCacheWrite5m === undefined ? undefined : Math.min(usage.inputCacheWrite5m, writable - (write1h ?? 0));
  const written = write5m === undefined && write1h === undefined ? undefined : (write5m ?? 0) + (write1h ?? 0);
  const members: JsonObject = {
    input_tokens: inputTotal === undefined ? undefined : writable - (written ?? 0),
    cache_creation_input_tokens: written,
    cache_creation:
      write1h === undefined
        ? undefined
        : { ephemeral_5m_input_tokens: write5m ?? 0, ephemeral_1h_input_tokens: write1h },
    cache_read_input_tokens: read,
    output_tokens: outputTotal,
    output_tokens_details: outputReasoning === undefined ? undefined : { thinking_tokens: outputReasoning },
    server_tool_use: webSearches === undefined ? undefined : { web_search_requests: webSearches },
    service_tier: serviceTier === undefined ? undefined : (tiers[serviceTier] ?? serviceTier),
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** A usage block without what {@link encodeUsage} would write of the vector. */
export function usageRest(raw: unknown, usage: Usage | undefined): JsonObject {
  return difference(asObject(raw) ?? {}, usage ? encodeUsage(usage) : {});
}

/** A usage block from the vector and the rest of one; the vector wins where both say something. */
export function joinUsage(rest: unknown, usage: Usage | undefined): JsonObject {
  return union(usage ? encodeUsage(usage) : {}, asObject(rest) ?? {});
}

function difference(raw: Readonly<JsonObject>, said: Readonly<JsonObject>): JsonObject {
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(raw)) {
    if (isDeepStrictEqual(value, said[name])) continue;
    const inner = asObject(value);
    const innerSaid = asObject(said[name]);
    kept[name] = inner && innerSaid ? difference(inner, innerSaid) : value;
  }
  return kept;
}

function union(said: Readonly<JsonObject>, rest: Readonly<JsonObject>): JsonObject {
  const joined: JsonObject = { ...said };
  for (const [name, value] of Object.entries(rest)) {
    const inner = asObject(value);
    const innerSaid = asObject(said[name]);
    joined[name] = inner && innerSaid ? union(innerSaid, inner) : value;
  }
  return joined;
}
