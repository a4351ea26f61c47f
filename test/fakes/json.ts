// Narrows unknown JSON.

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string field of an object, or a fallback where it holds none. */
export function readString(value: Readonly<Record<string, unknown>>, name: string, fallback = ''): string {
  const found = value[name];
  return typeof found === 'string' ? found : fallback;
}

/** A value's items where it is an array of objects; else none. */
export function toObjects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
