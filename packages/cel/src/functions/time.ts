// Timestamps and durations. The engine's own time-zone functions depend on the zone the process runs in, so these replace them.
import { Duration } from 'cel-js/evaluator';
import { FunctionError } from '../error.ts';
import { timeZoneCacheEntriesMax } from '../limits.ts';
import type { FunctionRow, Handler } from './row.ts';

const timestampType = 'google.protobuf.Timestamp';
const durationType = 'google.protobuf.Duration';
const secondsMin = -62_135_596_800n;
const secondsMax = 253_402_300_799n;
/** Seconds of 10,000 years, the range of google.protobuf.Duration. */
const durationSecondsMax = 315_576_000_000n;
const dayMs = 86_400_000;

/** A timestamp of milliseconds since 1970. Throws outside the years 1 to 9999. */
export function timestampOf(ms: number): Date {
  if (!(ms >= Number(secondsMin) * 1000 && ms < Number(secondsMax + 1n) * 1000)) {
    throw new FunctionError('value', 'the timestamp is out of range');
  }
  // oxlint-disable-next-line no-restricted-globals -- a CEL timestamp of given time, not the clock
  return new Date(ms);
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

function parseTimestamp(text: string): Date {
  const match = rfc3339.exec(text);
  // oxlint-disable-next-line no-restricted-globals -- parses a given time
  const ms = match ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) throw new FunctionError('value', 'the text is not a timestamp such as 2026-01-31T12:00:00Z');
  return timestampOf(ms);
}

const unitNanos: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  ns: 1n,
};

/** The form of Go's time.ParseDuration: `1h30m`, `-1.5s`. */
function parseDuration(text: string): Duration {
  const parts = [...text.matchAll(/(\d+)?(?:\.(\d*))?(ns|us|µs|ms|s|m|h)/g)];
  const isWhole = /^[+-]?((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text);
  if (!isWhole || text.length > 64)
    throw new FunctionError('value', 'the text is not a duration such as 1h30m or 1.5s');
  let nanos = 0n;
  for (const [, whole = '0', fraction = '', unit = ''] of parts) {
    const scale = unitNanos[unit] ?? 0n;
    nanos += BigInt(whole) * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length);
  }
  return durationOf(text.startsWith('-') ? -nanos : nanos);
}

/** A duration of nanoseconds. Throws beyond 10,000 years. */
export function durationOf(nanos: bigint): Duration {
  const seconds = nanos / 1_000_000_000n;
  if (seconds > durationSecondsMax || seconds < -durationSecondsMax)
    throw new FunctionError('value', 'the duration is out of range');
  return new Duration(seconds, Number(nanos % 1_000_000_000n));
}

const zones = new Map<string, Intl.DateTimeFormat>();

function zoneFormat(zone: string): Intl.DateTimeFormat {
  const known = zones.get(zone);
  if (known) return known;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new FunctionError('value', 'there is no such time zone');
  }
  if (zones.size >= timeZoneCacheEntriesMax) zones.clear();
  zones.set(zone, format);
  return format;
}

/** A time whose UTC fields are the local fields of the given time: the zone is a name or an offset such as `-08:00`. */
function localTime(time: Date, zone: string): Date {
  const offset = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (offset) {
    const ms = (Number(offset[2]) * 60 + Number(offset[3])) * 60_000;
    return timestampOf(time.getTime() + (offset[1] === '-' ? -ms : ms));
  }
  const fields: Record<string, number> = {};
  for (const { type, value } of zoneFormat(zone).formatToParts(time)) fields[type] = Number(value);
  const { year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
  const local = timestampOf(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, second, time.getUTCMilliseconds());
  return local;
}

function dayOfYear(time: Date): number {
  const start = timestampOf(0);
  start.setUTCFullYear(time.getUTCFullYear(), 0, 1);
  return Math.floor((time.getTime() - start.getTime()) / dayMs);
}

function getter(
  name: string,
  doc: string,
  read: (time: Date) => number,
  ofDuration?: (duration: Duration) => bigint,
): FunctionRow {
  const overloads: Record<string, Handler> = {
    [`${timestampType}.${name}(): int`]: (time: Date) => BigInt(read(time)),
    [`${timestampType}.${name}(string): int`]: (time: Date, zone: string) => BigInt(read(localTime(time, zone))),
  };
  if (ofDuration) overloads[`${durationType}.${name}(): int`] = ofDuration;
  return { name, group: 'time', usage: `time.${name}([zone])`, doc, overloads };
}

/** Functions on timestamps and durations. */
export const timeFunctions: readonly FunctionRow[] = [
  {
    name: 'timestamp',
    group: 'time',
    usage: 'timestamp(x)',
    doc: 'A time of RFC 3339 text, or of seconds since 1970.',
    overloads: {
      [`timestamp(${timestampType}): ${timestampType}`]: (time: Date) => time,
      [`timestamp(string): ${timestampType}`]: parseTimestamp,
      [`timestamp(int): ${timestampType}`]: (seconds: bigint) => timestampOf(Number(seconds) * 1000),
      [`timestamp(double): ${timestampType}`]: (seconds: number) => timestampOf(seconds * 1000),
    },
  },
  {
    name: 'duration',
    group: 'time',
    usage: 'duration(text)',
    doc: 'A span of time, written as `1h30m` or `1.5s`.',
    overloads: {
      [`duration(${durationType}): ${durationType}`]: (span: Duration) => span,
      [`duration(string): ${durationType}`]: parseDuration,
    },
  },
  getter('getFullYear', 'The year.', (time) => time.getUTCFullYear()),
  getter('getMonth', 'The month, from 0.', (time) => time.getUTCMonth()),
  getter('getDate', 'The day of the month, from 1.', (time) => time.getUTCDate()),
  getter('getDayOfMonth', 'The day of the month, from 0.', (time) => time.getUTCDate() - 1),
  getter('getDayOfWeek', 'The day of the week, 0 being Sunday.', (time) => time.getUTCDay()),
  getter('getDayOfYear', 'The day of the year, from 0.', dayOfYear),
  getter(
    'getHours',
    'The hour; of a duration, all of it in hours.',
    (time) => time.getUTCHours(),
    (span) => span.seconds / 3600n,
  ),
  getter(
    'getMinutes',
    'The minute; of a duration, all of it in minutes.',
    (time) => time.getUTCMinutes(),
    (span) => span.seconds / 60n,
  ),
  getter(
    'getSeconds',
    'The second; of a duration, all of it in seconds.',
    (time) => time.getUTCSeconds(),
    (span) => span.seconds,
  ),
  getter(
    'getMilliseconds',
    'The milliseconds of the second.',
    (time) => time.getUTCMilliseconds(),
    (span) => BigInt(Math.trunc(span.nanos / 1_000_000)),
  ),
];
