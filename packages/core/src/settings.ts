// Values that `setting` policies compile to, read by name at call time.

/** Time-outs in milliseconds; 0 switches one off. */
export interface TimeoutSettings {
  /** The whole exchange. */
  readonly requestMs: number;
  /** One attempt, to the end of its response. */
  readonly backendRequestMs: number;
  readonly connectMs: number;
  /** From the end of the request to the response's head. */
  readonly firstByteMs: number;
  /** Between two chunks. */
  readonly idleMs: number;
}

/** When and how often an attempt is repeated. */
export interface RetrySettings {
  /** Further tries after the first. */
  readonly attempts: number;
  readonly codes: readonly number[];
  readonly backoffMs: number;
}

/** The settings of a rule, after merging; defaults filled in. */
export interface RuleSettings {
  readonly timeouts: TimeoutSettings;
  readonly retry: RetrySettings | undefined;
}

/** What holds where no policy says otherwise: a model may think for long, but a dead peer is noticed. */
export const defaultTimeouts: TimeoutSettings = {
  requestMs: 0,
  backendRequestMs: 0,
  connectMs: 10_000,
  firstByteMs: 600_000,
  idleMs: 300_000,
};

/** Settings of a rule that no policy touches. */
export const defaultSettings: RuleSettings = { timeouts: defaultTimeouts, retry: undefined };
