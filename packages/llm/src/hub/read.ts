// Reads members of a parsed body: null and absent are nothing, a wrong type is the client's mistake and is said with its path.
import { asObject } from '../usage.ts';
import { CodecError, type JsonObject } from './extra.ts';

interface Types {
  string: string;
  number: number;
  boolean: boolean;
}

/** A member of a simple type. Throws CodecError `invalid` where it is of another. */
export function readMember<T extends keyof Types>(
  raw: JsonObject,
  name: string,
  type: T,
  path = '',
): Types[T] | undefined {
  const value = raw[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw wrongType(join(path, name), type, value);
  return value as Types[T];
}

/** A member that must be a string. Throws CodecError `invalid`. */
export function requireString(raw: JsonObject, name: string, path: string): string {
  const value = readMember(raw, name, 'string', path);
  if (value === undefined) throw new CodecError('invalid', join(path, name), 'required: a string is missing');
  return value;
}

/** A member that is an object. Throws CodecError `invalid`. */
export function readObject(raw: JsonObject, name: string, path = ''): JsonObject | undefined {
  const value = raw[name];
  if (value === undefined || value === null) return undefined;
  return toObject(value, join(path, name));
}

/** A member that is an array. Throws CodecError `invalid`. */
export function readArray(raw: JsonObject, name: string, path = ''): readonly unknown[] | undefined {
  const value = raw[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrongType(join(path, name), 'array', value);
  return value;
}

/** A value that must be an object. Throws CodecError `invalid`. */
export function toObject(value: unknown, path: string): JsonObject {
  const object = asObject(value);
  if (!object) throw wrongType(path, 'object', value);
  return object;
}

/** A path one member deeper. */
export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function wrongType(path: string, wanted: string, value: unknown): CodecError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return new CodecError(
    'invalid',
    path,
    `must be ${/^[aeiou]/.test(wanted) ? 'an' : 'a'} ${wanted}, but it is ${found === 'null' ? 'null' : `of type ${found}`}`,
  );
}
