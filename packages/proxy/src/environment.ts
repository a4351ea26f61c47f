// The proxy's door to the world: clocks, chance, ids, secrets, state and callouts, as policies see them (contract 2).
import { randomBytes } from 'node:crypto';
import type { Environment, Log, SecretReference, SecretValue, Upstream } from '@agentgateway/core/environment.ts';
import type { Ledger } from '@agentgateway/quota';

/** Time and chance. Everything that needs them takes a Clock, so that tests hold the hands. */
export interface Clock {
  /** Wall-clock milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds. */
  monotonicMs(): number;
  /** In [0, 1). */
  random(): number;
  /** A new UUIDv7 (RFC 9562 §5.7). */
  id(): string;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  random: () => Math.random(),
  id: () => toUuid7(Date.now()),
};

const poolBytes = 4096;
const idRandomBytes = 10;
let pool = randomBytes(poolBytes);
let poolOffset = 0;

/** A UUIDv7: 48 bits of milliseconds, then 74 random bits. Random bytes are drawn in bulk because one draw costs a system call. */
function toUuid7(epochMs: number): string {
  if (poolOffset + idRandomBytes > poolBytes) {
    pool = randomBytes(poolBytes);
    poolOffset = 0;
  }
  const time = epochMs.toString(16).padStart(12, '0');
  const random = pool.toString('hex', poolOffset, poolOffset + idRandomBytes);
  poolOffset += idRandomBytes;
  const variant = '89ab'[Number.parseInt(random[3]!, 16) & 3]!;
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

/** What an environment is built from. */
export interface EnvironmentParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
  /** Reads a secret of the current configuration. */
  readonly readSecret: (key: string, entry: string) => string | undefined;
  /** Reaches a backend of the current configuration. */
  readonly upstream: (backendKey: string) => Upstream;
  readonly pause: Environment['pause'];
}

/** The environment of a running proxy. */
export function createEnvironment(parts: EnvironmentParts): Environment {
  const { clock, log, ledger, readSecret, upstream, pause } = parts;
  return {
    upstream,
    pause,
    secret({ secret, entry }: SecretReference): SecretValue {
      return { current: () => readSecret(secret, entry) };
    },
    ledger,
    state() {
      throw new Error('state is opened by what a snapshot holds; see Store');
    },
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    random: () => clock.random(),
    id: () => clock.id(),
    log,
  };
}
