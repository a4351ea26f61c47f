// One neutral usage vector for every format; absent is not zero.

/** Tokens of one call. Totals include what their parts name. */
export interface Usage {
  /** Whole prompt, cached parts included. */
  inputTotal?: number;
  inputCacheRead?: number;
  inputCacheWrite5m?: number;
  inputCacheWrite1h?: number;
  inputAudio?: number;
  /** Whole answer, reasoning included. */
  outputTotal?: number;
  outputReasoning?: number;
  outputAudio?: number;
  serviceTier?: string;
  /** Searches of the provider's own tool. */
  webSearches?: number;
  /** Whether the provider counted or the gateway guessed. */
  source: 'reported' | 'estimated';
}

/** A JSON object, or undefined for anything else. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** A count, or undefined where there is none: null and absent are not zero. */
export function asCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.trunc(value) : undefined;
}

/** Builds a vector, leaving out what is absent; undefined where nothing was counted. */
export function toUsage(fields: { readonly [K in keyof Omit<Usage, 'source'>]: Usage[K] | undefined }):
  | Usage
  | undefined {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return present.length === 0
    ? undefined
    : { ...(Object.fromEntries(present) as Omit<Usage, 'source'>), source: 'reported' };
}

/** Later, cumulative counts over earlier ones; what is absent stays as it was. */
export function mergeUsage(before: Usage | undefined, later: Usage | undefined): Usage | undefined {
  if (!before || !later) return later ?? before;
  return { ...before, ...later };
}
