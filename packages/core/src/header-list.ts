// Headers as they were received: ordered, with duplicates and case kept, looked up without regard to case (RFC 9110 §5.1).

/** A flat, ordered list of header fields: `[name, value, name, value, …]`. */
export class HeaderList {
  /** The fields themselves; transports read and write it directly. */
  readonly raw: string[];

  constructor(raw: string[] = []) {
    this.raw = raw;
  }

  /** Builds a list from pairs. */
  static from(pairs: Iterable<readonly [string, string]>): HeaderList {
    const raw: string[] = [];
    for (const [name, value] of pairs) raw.push(name, value);
    return new HeaderList(raw);
  }

  /** How many fields there are. */
  get size(): number {
    return this.raw.length / 2;
  }

  /** The first value of a field. The name must be in lower case. */
  get(lowerName: string): string | undefined {
    const raw = this.raw;
    for (let i = 0; i < raw.length; i += 2) if (isNamed(raw[i]!, lowerName)) return raw[i + 1];
    return undefined;
  }

  /** Every value of a field, in order. The name must be in lower case. */
  all(lowerName: string): string[] {
    const values: string[] = [];
    const raw = this.raw;
    for (let i = 0; i < raw.length; i += 2) if (isNamed(raw[i]!, lowerName)) values.push(raw[i + 1]!);
    return values;
  }

  /** All values as one: joined with a comma, `cookie` with `; ` (RFC 6265 §5.4); `set-cookie` is never joined, its first is given. */
  combined(lowerName: string): string | undefined {
    if (lowerName === 'set-cookie') return this.get(lowerName);
    let joined: string | undefined;
    const raw = this.raw;
    for (let i = 0; i < raw.length; i += 2) {
      if (!isNamed(raw[i]!, lowerName)) continue;
      joined = joined === undefined ? raw[i + 1] : joined + (lowerName === 'cookie' ? '; ' : ', ') + raw[i + 1];
    }
    return joined;
  }

  /** Whether the field is there. The name must be in lower case. */
  has(lowerName: string): boolean {
    return this.get(lowerName) !== undefined;
  }

  /** Adds a field at the end. */
  append(name: string, value: string): void {
    this.raw.push(name, value);
  }

  /** Gives a field one value: in the place of its first occurrence, the others are removed; else at the end. */
  set(name: string, value: string): void {
    const lowerName = name.toLowerCase();
    const raw = this.raw;
    let written = 0;
    let isSet = false;
    for (let i = 0; i < raw.length; i += 2) {
      const isMatch = isNamed(raw[i]!, lowerName);
      if (isMatch && isSet) continue;
      raw[written] = isMatch ? name : raw[i]!;
      raw[written + 1] = isMatch ? value : raw[i + 1]!;
      isSet ||= isMatch;
      written += 2;
    }
    raw.length = written;
    if (!isSet) raw.push(name, value);
  }

  /** Removes every occurrence of a field. The name must be in lower case. */
  remove(lowerName: string): void {
    this.removeWhere((name) => isNamed(name, lowerName));
  }

  /** Removes the fields whose name, as received, is wanted gone. */
  removeWhere(isUnwanted: (name: string) => boolean): void {
    const raw = this.raw;
    let written = 0;
    for (let i = 0; i < raw.length; i += 2) {
      if (isUnwanted(raw[i]!)) continue;
      raw[written] = raw[i]!;
      raw[written + 1] = raw[i + 1]!;
      written += 2;
    }
    raw.length = written;
  }

  /** An independent copy. */
  clone(): HeaderList {
    return new HeaderList(this.raw.slice());
  }

  /** The fields as pairs, in order. */
  *entries(): Generator<[string, string]> {
    for (let i = 0; i < this.raw.length; i += 2) yield [this.raw[i]!, this.raw[i + 1]!];
  }
}

/** Whether a name as received is the given lower-case name. Most names arrive in lower case, so that is asked first. */
export function isNamed(name: string, lowerName: string): boolean {
  return name === lowerName || (name.length === lowerName.length && name.toLowerCase() === lowerName);
}
