// One run of a group: its settings, what it says, its goals, and rounds within a bounded time.
import { type Goal, showGoal } from './goals.ts';

/** Longest time that a group takes, unless BENCH_ROUNDS asks for more, in milliseconds. */
const groupMsMax = 240_000;

/** What a group is given. */
export interface Bench {
  /** For what its processes write. */
  readonly folder: string;
  readonly rounds: number;
  /** Seconds of load for a sample. */
  readonly seconds: number;
  say(text: string): void;
  /** Something could not be measured: it is said, and the run ends with 1 where it is the gateway's fault. */
  skip(what: string, why: unknown, isFailure?: boolean): void;
  goal(goal: Goal): void;
  /** Runs rounds, one after the other, and stops early where the next would pass the group's time. Returns how many there were. */
  eachRound(run: (round: number) => Promise<void>): Promise<number>;
}

/** What runs of all groups leave behind. */
export interface Findings {
  readonly goals: Goal[];
  /** Failures of the gateway. */
  readonly problems: string[];
}

function readCount(variable: string, fallback: number): number {
  const text = process.env[variable];
  if (!text) return fallback;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`${variable} is '${text}'; it must be an integer from 1`);
  return count;
}

/** Prints a line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Begins a group, whose time starts now. BENCH_ROUNDS (5) and BENCH_SECONDS (2) are read here. */
export function beginBench(folder: string, { goals, problems }: Findings): Bench {
  const rounds = readCount('BENCH_ROUNDS', 5);
  const isBounded = !process.env['BENCH_ROUNDS'];
  const startMs = performance.now();
  return {
    folder,
    rounds,
    seconds: readCount('BENCH_SECONDS', 2),
    say,
    skip(what, why, isFailure = false) {
      say(`not measured: ${what}: ${why instanceof Error ? why.message : String(why)}`);
      if (isFailure) problems.push(what);
    },
    goal(goal) {
      goals.push(goal);
      say(`goal: ${showGoal(goal)}`);
    },
    async eachRound(run) {
      for (let round = 1; round <= rounds; round++) {
        const roundMs = performance.now();
        await run(round);
        const nowMs = performance.now();
        if (isBounded && round < rounds && nowMs + (nowMs - roundMs) - startMs > groupMsMax) {
          say(`stopped after round ${round} of ${rounds}: the group's time is over`);
          return round;
        }
      }
      return rounds;
    },
  };
}
