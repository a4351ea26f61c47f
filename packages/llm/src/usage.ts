// One neutral usage vector for every format; absent is not zero.

/** What one call consumed. Totals include what their parts name. */
export interface Usage {
  /** Whole prompt, cached parts included. */
  inputTotal?: number;
  inputCacheRead?: number;
  /** Also a write whose lifetime the provider does not tell. */
  inputCacheWrite5m?: number;
  /** Also any longer lifetime than five minutes. */
  inputCacheWrite1h?: number;
  inputAudio?: number;
  inputImage?: number;
  /** Part of both inputCacheRead and inputAudio. */
  inputCacheReadAudio?: number;
  /** Part of both inputCacheRead and inputImage. */
  inputCacheReadImage?: number;
  /** Whole answer, reasoning included. */
  outputTotal?: number;
  outputReasoning?: number;
  outputAudio?: number;
  outputImage?: number;
  serviceTier?: string;
  /** Calls of the provider's own tools. */
  webSearches?: number;
  fileSearches?: number;
  codeExecutions?: number;
  /** Calls upstream; one where it is absent. */
  requests?: number;
  /** Images made, whole, for providers that charge by the piece. */
  images?: number;
  /** Their size as the request named it (such as 1024x1024). */
  imageSize?: string;
  /** Recorded sound that was read, in milliseconds, for providers that charge by its length. */
  audioMs?: number;
  /** Pages of documents read, for providers that charge by the page; annotated ones apart. */
  pages?: number;
  annotatedPages?: number;
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
