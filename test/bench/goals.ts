// Goals of speed and size, and how they are told.

/** A figure that is to stay below a limit. */
export interface Goal {
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  /** With its leading space, or `×`; empty for counts. */
  readonly unit: string;
}

/** Whether the figure, as it is shown, is within its limit. */
export function isMet({ measured, limit }: Goal): boolean {
  return Number(measured.toFixed(2)) <= limit;
}

/** `what: 1.20 × (at most 1.3 ×): met`. */
export function showGoal(goal: Goal): string {
  const verdict = isMet(goal) ? 'met' : 'NOT MET';
  return `${goal.what}: ${goal.measured.toFixed(2)}${goal.unit} (at most ${goal.limit}${goal.unit}): ${verdict}`;
}
