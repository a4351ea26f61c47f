// Logging: pino, JSON lines or a pretty form for terminals; secrets never get here.
import type { Log } from '@agentgateway/core/environment.ts';
import { type DestinationStream, destination, pino } from 'pino';
import pretty from 'pino-pretty';

/** How and where to log. */
export interface LogSettings {
  readonly logLevel: string;
  readonly logFormat: 'json' | 'pretty';
  /** File the access log is appended to; undefined writes it to standard output. */
  readonly accessLogFile: string | undefined;
}

/** The process's log and its access log. */
export interface Logs {
  readonly log: Log & { level: string };
  /** Writes one line per request. */
  readonly access: (line: object) => void;
  flush(): void;
}

/** Opens the logs. */
export function createLogs(settings: LogSettings): Logs {
  const output: DestinationStream =
    settings.logFormat === 'pretty'
      ? pretty({ sync: true, ignore: 'pid,hostname' })
      : destination({ fd: 1, sync: true });
  const log = pino(
    { level: settings.logLevel, base: null, formatters: { level: (label) => ({ level: label }) } },
    output,
  );
  const file =
    settings.accessLogFile === undefined
      ? undefined
      : destination({ dest: settings.accessLogFile, append: true, sync: false, minLength: 4096, mkdir: true });
  const accessLog = file ? pino({ base: null, formatters: { level: () => ({}) } }, file) : log;
  return { log, access: (line) => accessLog.info(line, 'request'), flush: () => file?.flushSync() };
}
