// The process's settings: flags and environment, parsed once to a frozen object; nothing else reads process.env.
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';

/** Everything that is fixed for the life of the process. */
export interface Settings {
  /** Configuration file or folder; undefined runs on embedded defaults. */
  readonly config: string | undefined;
  /** Address that listeners without one bind to. */
  readonly bindAddress: string;
  /** Where the admin port binds; loopback unless said otherwise, because it has no login. */
  readonly adminAddress: string;
  /** Undefined switches a port off. */
  readonly adminPort: number | undefined;
  readonly metricsPort: number | undefined;
  readonly readinessPort: number | undefined;
  readonly logLevel: string;
  readonly logFormat: 'json' | 'pretty';
  readonly accessLogFile: string | undefined;
  /** How long a shutdown waits for requests under way. */
  readonly drainMs: number;
  /** How many proxies in front are trusted to have set X-Forwarded-* and x-request-id. */
  readonly trustedHops: number;
  /** Whether prompts and answers may be logged. */
  readonly logPrompts: boolean;
  /** Seals the marks of sessions; undefined for a key of this process alone. */
  readonly sessionKey: string | undefined;
  /** Environment variables, for `${X}` in configuration and providers' keys. */
  readonly env: Readonly<Record<string, string>>;
}

/** Limits of the process that are not settings of users. */
export const gatewayLimits = {
  /** Requests whose stories are kept. */
  storiesMax: 500,
  /** How long a record waits for its attempts' settlements. */
  settleTimeoutMs: 5000,
  /** Longest request body that steps may read, in bytes. */
  replayBytesMax: 32 * 1024 * 1024,
  /** Longest response body that steps may read, in bytes. */
  responseBytesMax: 32 * 1024 * 1024,
} as const;

/** A mistake in flags or environment. */
export class SettingsError extends Error {}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** Flags of `agentgateway run`; each also has an environment variable. */
export const runOptions = {
  file: { type: 'string', short: 'f' },
  bind: { type: 'string' },
  'admin-address': { type: 'string' },
  'admin-port': { type: 'string' },
  'metrics-port': { type: 'string' },
  'readiness-port': { type: 'string' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  'access-log': { type: 'string' },
  'drain-timeout': { type: 'string' },
  'trusted-hops': { type: 'string' },
  'log-prompts': { type: 'boolean' },
} as const;

/** What `agentgateway run --help` prints. */
export const runHelp = `agentgateway run [-f FILE-OR-FOLDER] [flags]

  -f, --file PATH          config.yaml, or a folder with one and plain manifests   AGENTGATEWAY_CONFIG
      --bind ADDRESS       address of listeners that name none (127.0.0.1)         AGENTGATEWAY_BIND
      --admin-port PORT    admin API (15000; 0 picks one, off: none)               AGENTGATEWAY_ADMIN_PORT
      --admin-address ADDR where the admin API binds (127.0.0.1; it has no login)  AGENTGATEWAY_ADMIN_ADDRESS
      --metrics-port PORT  Prometheus metrics (15020; 0 picks one, off: none)      AGENTGATEWAY_METRICS_PORT
      --readiness-port P   readiness (15021; 0 picks one, off: none)               AGENTGATEWAY_READINESS_PORT
      --log-level LEVEL    ${logLevels.join(', ')} (info)            AGENTGATEWAY_LOG_LEVEL
      --log-format FORMAT  json or pretty (pretty on a terminal)                   AGENTGATEWAY_LOG_FORMAT
      --access-log FILE    append access lines to a file instead of the output     AGENTGATEWAY_ACCESS_LOG
      --drain-timeout S    seconds a shutdown waits for requests under way (30)    AGENTGATEWAY_DRAIN_TIMEOUT
      --trusted-hops N     proxies in front that set X-Forwarded-* (0)             AGENTGATEWAY_TRUSTED_HOPS
      --log-prompts        log prompts and answers too; off unless asked for       AGENTGATEWAY_LOG_PROMPTS=true

Sessions (sessionAffinity) are sealed with AGENTGATEWAY_SESSION_KEY, 16 characters or more. Without it every start makes
a key of its own, and the processes of one gateway do not know each other's sessions.
Traces are set by the standard OTEL_* variables: OTEL_EXPORTER_OTLP_ENDPOINT switches them on.
`;

/** Parses flags and environment. Throws SettingsError naming the flag, what it was and what it may be. */
export function parseSettings(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Settings {
  let values: Partial<Record<keyof typeof runOptions, string | boolean>>;
  try {
    ({ values } = parseArgs({ args: [...args], options: runOptions, allowPositionals: false }));
  } catch (error) {
    throw new SettingsError(error instanceof Error ? error.message : String(error));
  }
  const read = (flag: keyof typeof runOptions, variable: string): string | undefined => {
    const value = values[flag];
    return typeof value === 'string' ? value : env[variable] || undefined;
  };
  const integer = (
    flag: keyof typeof runOptions,
    variable: string,
    range: { readonly fallback: number; readonly max: number },
  ): number => {
    const text = read(flag, variable);
    if (text === undefined) return range.fallback;
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value > range.max)
      throw new SettingsError(`--${flag} (${variable}) is '${text}'; it must be an integer from 0 to ${range.max}`);
    return value;
  };
  const port = (flag: keyof typeof runOptions, variable: string, fallback: number): number | undefined =>
    read(flag, variable) === 'off' ? undefined : integer(flag, variable, { fallback, max: 65_535 });
  const choice = (
    flag: keyof typeof runOptions,
    variable: string,
    range: { readonly fallback: string; readonly allowed: readonly string[] },
  ): string => {
    const text = read(flag, variable) ?? range.fallback;
    if (!range.allowed.includes(text))
      throw new SettingsError(`--${flag} (${variable}) is '${text}'; it must be one of ${range.allowed.join(', ')}`);
    return text;
  };
  const address = (flag: keyof typeof runOptions, variable: string): string => {
    const text = read(flag, variable) ?? '127.0.0.1';
    if (isIP(text) === 0 && text !== 'localhost')
      throw new SettingsError(`--${flag} (${variable}) is '${text}'; it must be an IP address, or localhost`);
    return text;
  };
  const config = read('file', 'AGENTGATEWAY_CONFIG');
  if (config !== undefined && !existsSync(config))
    throw new SettingsError(`--file (AGENTGATEWAY_CONFIG): there is no file or folder '${config}'`);
  return Object.freeze({
    config,
    bindAddress: address('bind', 'AGENTGATEWAY_BIND'),
    adminAddress: address('admin-address', 'AGENTGATEWAY_ADMIN_ADDRESS'),
    adminPort: port('admin-port', 'AGENTGATEWAY_ADMIN_PORT', 15_000),
    metricsPort: port('metrics-port', 'AGENTGATEWAY_METRICS_PORT', 15_020),
    readinessPort: port('readiness-port', 'AGENTGATEWAY_READINESS_PORT', 15_021),
    logLevel: choice('log-level', 'AGENTGATEWAY_LOG_LEVEL', { fallback: 'info', allowed: logLevels }),
    logFormat: choice('log-format', 'AGENTGATEWAY_LOG_FORMAT', {
      fallback: process.stdout.isTTY ? 'pretty' : 'json',
      allowed: ['json', 'pretty'],
    }) as 'json' | 'pretty',
    accessLogFile: read('access-log', 'AGENTGATEWAY_ACCESS_LOG'),
    drainMs: integer('drain-timeout', 'AGENTGATEWAY_DRAIN_TIMEOUT', { fallback: 30, max: 86_400 }) * 1000,
    trustedHops: integer('trusted-hops', 'AGENTGATEWAY_TRUSTED_HOPS', { fallback: 0, max: 16 }),
    logPrompts:
      values['log-prompts'] === true ||
      choice('log-prompts', 'AGENTGATEWAY_LOG_PROMPTS', { fallback: 'false', allowed: ['true', 'false'] }) === 'true',
    sessionKey: sessionKey(env['AGENTGATEWAY_SESSION_KEY'] || undefined),
    env: toEnvironment(env),
  });
}

/** Shortest key of sessions, in characters. */
const sessionKeyMin = 16;

function sessionKey(text: string | undefined): string | undefined {
  if (text !== undefined && text.length < sessionKeyMin)
    throw new SettingsError(`AGENTGATEWAY_SESSION_KEY must have at least ${sessionKeyMin} characters`);
  return text;
}

/** The process's environment, once, for commands that parse no settings. */
export function readEnvironment(): Readonly<Record<string, string>> {
  return toEnvironment(process.env);
}

function toEnvironment(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const present = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.freeze(Object.fromEntries(present));
}
