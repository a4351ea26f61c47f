// What prices are asked for, and how they answer.
import type { Usage } from '../usage.ts';

/** Money in nano-dollars (10⁻⁹ $) and the rates it was derived with, or why there is none. */
export type Price = KnownPrice | UnknownPrice;
/** A price that is known. */
export interface KnownPrice {
  readonly costNano: bigint;
  /** Catalogue version, provider, model, and what chose among its rates; enough to derive the cost again. */
  readonly rates: string;
  /** What was left out or taken as standard. */
  readonly notes: readonly string[];
}
/** A price that is not known: never zero. */
export interface UnknownPrice {
  readonly unknown: string;
}

/** Whose prices: the price provider (see toPriceProvider), the name sent upstream, the time in ms since the epoch. */
export interface PriceQuery {
  readonly provider: string;
  readonly model: string;
  readonly nowMs: number;
}

/** The most that a call may consume. */
export interface BoundQuery extends PriceQuery {
  readonly inputTokensMax: number;
  /** Per choice. */
  readonly outputTokensMax: number;
  readonly choices?: number;
  /** As asked for in the request. */
  readonly serviceTier?: string | undefined;
  /** The most of what is charged by the piece. */
  readonly pieces?: Pick<
    Usage,
    'webSearches' | 'fileSearches' | 'codeExecutions' | 'images' | 'imageSize' | 'audioMs' | 'pages' | 'annotatedPages'
  >;
}
