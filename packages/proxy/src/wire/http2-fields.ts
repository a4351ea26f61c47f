// Fields as node:http2 takes them: flat and in order where it can, as an object for trailers and interim answers.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http2';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/**
 * Adds a field to a flat list in lower case and returns its name. Throws for what no field may hold, such as a line feed:
 * node checks that for HTTP/1.1 alone.
 */
export function addField(fields: string[], name: string, value: string): string {
  const lower = name.toLowerCase();
  validateHeaderName(lower);
  validateHeaderValue(lower, value);
  fields.push(lower, value);
  return lower;
}

/** Lower-case names, repeated ones as arrays; the order of distinct names stays. */
export function toOutgoing(headers: HeaderList): OutgoingHttpHeaders {
  const fields = Object.create(null) as Record<string, string | string[]>;
  const { raw } = headers;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const before = fields[name];
    if (before === undefined) fields[name] = raw[i + 1]!;
    else if (Array.isArray(before)) before.push(raw[i + 1]!);
    else fields[name] = [before, raw[i + 1]!];
  }
  return fields;
}
