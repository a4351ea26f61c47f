// Encodings, digests and JSON.
import { createHash } from 'node:crypto';
import { FunctionError } from '../error.ts';
import { impureFunctions } from '../evaluation.ts';
import { jsonDepthMax } from '../limits.ts';
import { toJson } from '../value.ts';
import { toCel } from '../view.ts';
import type { FunctionRow, Handler } from './row.ts';

type Data = string | Uint8Array;

function bytesOf(data: Data): Buffer {
  return typeof data === 'string'
    ? Buffer.from(data, 'utf8')
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** RFC 4648 §4 or §5, with or without padding. */
function decodeBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text) || text.replace(/=+$/, '').length % 4 === 1) {
    throw new FunctionError('value', 'the text is not base64');
  }
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new FunctionError('value', 'the text is not percent-encoded UTF-8');
  }
}

function encodeUrl(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** application/x-www-form-urlencoded, each value text or a list of texts. */
function encodeForm(form: ReadonlyMap<unknown, unknown>): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of entriesOf(form)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof one !== 'string')
        throw new FunctionError('value', 'form.encode() needs text or lists of text as values');
      pairs.append(name, one);
    }
  }
  return pairs.toString();
}

/** A name that occurs once gives text, one that occurs more often a list. */
function decodeForm(text: string): Map<string, unknown> {
  const pairs = new URLSearchParams(text);
  const form = new Map<string, unknown>();
  for (const name of new Set(pairs.keys())) {
    const values = pairs.getAll(name);
    form.set(name, values.length === 1 ? values[0] : values);
  }
  return form;
}

function entriesOf(map: ReadonlyMap<unknown, unknown> | object): [string, unknown][] {
  const entries = map instanceof Map ? [...map.entries()] : Object.entries(map);
  return entries.map(([key, value]) => [String(key), value]);
}

function digest(algorithm: string): Record<string, Handler> {
  const encode = (data: Data) => createHash(algorithm).update(bytesOf(data)).digest('hex');
  return { [`${algorithm}.encode(string): string`]: encode, [`${algorithm}.encode(bytes): string`]: encode };
}

function parseJson(data: Data): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(typeof data === 'string' ? data : bytesOf(data).toString('utf8'));
  } catch {
    throw new FunctionError('value', 'the text is not JSON');
  }
  if (isDeep(parsed, 0)) throw new FunctionError('value', 'the JSON is nested too deeply');
  return toCel(parsed);
}

function isDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth >= jsonDepthMax || Object.values(value).some((member) => isDeep(member, depth + 1));
}

function jwtPayload(token: string): unknown {
  const parts = token.split('.');
  if (parts.length !== 3) throw new FunctionError('value', 'the text is not a JSON Web Token');
  return parseJson(decodeBase64(parts[1] ?? ''));
}

/** Encodings, digests and JSON. */
export const encodingFunctions: readonly FunctionRow[] = [
  {
    name: 'json',
    group: 'encoding',
    usage: 'json(text)',
    doc: 'The value that JSON text or bytes stand for.',
    overloads: { 'json(string): dyn': parseJson, 'json(bytes): dyn': parseJson },
  },
  {
    name: 'toJson',
    group: 'encoding',
    usage: 'toJson(value)',
    doc: 'The value as JSON text.',
    overloads: { 'toJson(dyn): string': (value: unknown) => JSON.stringify(toJson(value)) },
  },
  {
    name: 'unvalidatedJwtPayload',
    group: 'encoding',
    usage: 'unvalidatedJwtPayload(token)',
    doc: 'The claims of a token whose signature is not checked: never decide by them who someone is.',
    overloads: { 'unvalidatedJwtPayload(string): dyn': jwtPayload },
  },
  {
    name: 'base64.encode',
    group: 'encoding',
    usage: 'base64.encode(data)',
    doc: 'Text (as UTF-8) or bytes as base64.',
    overloads: {
      'base64.encode(string): string': (text: string) => bytesOf(text).toString('base64'),
      'base64.encode(bytes): string': (data: Uint8Array) => bytesOf(data).toString('base64'),
    },
  },
  {
    name: 'base64.decode',
    group: 'encoding',
    usage: 'base64.decode(text)',
    doc: 'The bytes that base64 stands for, in either alphabet, padded or not; `string()` makes text of them.',
    overloads: { 'base64.decode(string): bytes': decodeBase64 },
  },
  {
    name: 'url.encode',
    group: 'encoding',
    usage: 'url.encode(text)',
    doc: 'The text percent-encoded, as a part of a URL.',
    overloads: { 'url.encode(string): string': encodeUrl },
  },
  {
    name: 'url.decode',
    group: 'encoding',
    usage: 'url.decode(text)',
    doc: 'The text that percent-encoding stands for.',
    overloads: { 'url.decode(string): string': decodeUrl },
  },
  {
    name: 'form.encode',
    group: 'encoding',
    usage: 'form.encode(map)',
    doc: 'A map of names to texts, or lists of texts, as a form.',
    overloads: { 'form.encode(map): string': encodeForm },
  },
  {
    name: 'form.decode',
    group: 'encoding',
    usage: 'form.decode(text)',
    doc: 'The fields of a form, a map; a repeated field is a list.',
    overloads: { 'form.decode(string): map<string, dyn>': decodeForm },
  },
  {
    name: 'sha1.encode',
    group: 'encoding',
    usage: 'sha1.encode(data)',
    doc: 'The SHA-1 digest as hexadecimal text.',
    overloads: digest('sha1'),
  },
  {
    name: 'sha256.encode',
    group: 'encoding',
    usage: 'sha256.encode(data)',
    doc: 'The SHA-256 digest as hexadecimal text.',
    overloads: digest('sha256'),
  },
  {
    name: 'md5.encode',
    group: 'encoding',
    usage: 'md5.encode(data)',
    doc: 'The MD5 digest as hexadecimal text.',
    overloads: digest('md5'),
  },
  {
    name: 'uuid',
    group: 'encoding',
    usage: 'uuid()',
    doc: 'A new UUID.',
    overloads: { 'uuid(): string': () => impureFunctions().uuid() },
  },
  {
    name: 'random',
    group: 'encoding',
    usage: 'random()',
    doc: 'A random number from 0 up to, but not, 1.',
    overloads: { 'random(): double': () => impureFunctions().random() },
  },
];
