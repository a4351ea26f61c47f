// Logging: pino, JSON lines or a pretty form for terminals; secrets never get here.
import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '@agentgateway/core/environment.ts';
import { type DestinationStream, type Logger, destination, pino } from 'pino';
import pretty from 'pino-pretty';
import { systemClock } from '../environment.ts';
import { SettingsError } from '../settings.ts';
import { toAccessText } from './access-text.ts';

/** How and where to log. */
export interface LogSettings {
  readonly logLevel: string;
  readonly logFormat: 'json' | 'pretty';
  /** File the access log is appended to; undefined writes it to standard output. */
  readonly accessLogFile: string | undefined;
  /** Whether access lines carry prompts and answers. */
  readonly logPrompts?: boolean;
}

/** The process's log and its access log. */
export interface Logs {
  readonly log: Log & { level: string };
  /** Writes one line per request, whatever the log's level is. */
  readonly access: (line: Readonly<Record<string, unknown>>) => void;
  /** Whether access lines are to carry prompts and answers. */
  readonly hasPrompts?: boolean;
  /** Writes what is buffered. */
  flush(): void;
}

/** No process id and host, and the level by its name. */
const named = { base: null, formatters: { level: (level: string) => ({ level }) } };

/** Bytes of access lines that are written at once. */
const fileBufferBytes = 4096;
/** Bytes of access lines that wait for a slow disk; more are dropped, and that is said. */
const fileBacklogBytes = 16 * 1024 * 1024;
/** Longest time that a line waits for others to be written with. */
const fileFlushMs = 1000;

/** Opens the logs. Throws SettingsError where the access log's file cannot be opened. */
export function createLogs(settings: LogSettings): Logs {
  const isPretty = settings.logFormat === 'pretty';
  const output: DestinationStream = isPretty
    ? pretty({ sync: true, ignore: 'pid,hostname' })
    : destination({ fd: 1, sync: true });
  const log = pino({ ...named, level: settings.logLevel }, output);
  const hasPrompts = settings.logPrompts ?? false;
  if (settings.accessLogFile !== undefined) return { log, hasPrompts, ...openFile(settings.accessLogFile, log) };
  // A logger of its own: asking for fewer messages must not lose requests.
  const accessLog = pino(named, output);
  return {
    log,
    hasPrompts,
    access: isPretty ? (line) => accessLog.info(toAccessText(line)) : (line) => output.write(toLine(line)),
    flush: () => undefined,
  };
}

/** A line as pino would write it, of values that are JSON already: its own way of asking each of them costs three times as much. */
function toLine(line: Readonly<Record<string, unknown>>): string {
  return `{"level":"info","time":${systemClock.now()},${JSON.stringify(line).slice(1, -1)},"msg":"request"}\n`;
}

/** Appends lines to a file, buffered; what is buffered is written every second and at the process's exit. */
function openFile(path: string, log: Logger): Pick<Logs, 'access' | 'flush'> {
  const file = destination({
    fd: openForAppend(path),
    minLength: fileBufferBytes,
    maxLength: fileBacklogBytes,
    periodicFlush: fileFlushMs,
    sync: false,
  });
  // A full disk must not end the gateway; it is said once, until a line is written again.
  let isBroken = false;
  const say = (error: Error): void => {
    if (!isBroken) log.error({ err: error, file: path }, `the access log cannot be written: ${error.message}`);
    isBroken = true;
  };
  file.on('error', say);
  file.on('drop', () => say(new Error('the disk is too slow; lines are lost')));
  file.on('write', () => {
    isBroken = false;
  });
  return {
    access: (line) => file.write(toLine(line)),
    flush() {
      // Writing at once tries for ever: what could not be written a moment ago is given up instead.
      if (isBroken) file.destroy();
      else file.flushSync();
    },
  };
}

function openForAppend(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'a');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SettingsError(`--access-log (AGENTGATEWAY_ACCESS_LOG): '${path}' cannot be opened: ${why}`);
  }
}
