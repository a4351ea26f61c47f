// RFC 3339 times in milliseconds, without a clock.

const pattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/i;
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const dayMs = 86_400_000;

/** Milliseconds since the epoch of an RFC 3339 time (§5.6); undefined where it is none. A leap second counts as the next second. */
export function toEpochMs(time: string): number | undefined {
  const match = pattern.exec(time);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fractionMs = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const offsetMinutes =
    match[8] === undefined ? 0 : Number(`${match[8]}1`) * (Number(match[9]) * 60 + Number(match[10]));
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 60)
    return undefined;
  const seconds = hour * 3600 + (minute - offsetMinutes) * 60 + second;
  return (daysBefore(year) - daysBefore(1970) + dayOfYear(year, month, day)) * dayMs + seconds * 1000 + fractionMs;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysOf(year: number, month: number): number {
  return monthDays[month - 1]! + (month === 2 && isLeap(year) ? 1 : 0);
}

function daysBefore(year: number): number {
  const past = year - 1;
  return past * 365 + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
}

function dayOfYear(year: number, month: number, day: number): number {
  let days = day - 1;
  for (let before = 1; before < month; before++) days += daysOf(year, before);
  return days;
}
