// Carries a vendor's opaque values (signatures, encrypted thoughts) through a client that speaks another format, and back.
import type { Opaque } from './hub/content.ts';

/** How every carrier begins; the number is the version of what follows. */
export const carrierPrefix = 'agw1.';

/** Longest carrier that is opened or made; characters. */
export const carrierCharsMax = 8 * 1024 * 1024;

/** An opened carrier. */
export interface Carried {
  readonly opaque: Opaque;
  /** The tool call that the values belong to, where they are not a thought's own. */
  readonly callId?: string;
}

/** Writes opaque values as one text of `agw1.` and base64url; values of more than {@link carrierCharsMax} throw RangeError. */
export function wrapOpaque(opaque: Opaque, callId?: string): string {
  const fields = { v: opaque.vendor, m: opaque.model, c: callId, o: opaque.values };
  const text = carrierPrefix + Buffer.from(JSON.stringify(fields)).toString('base64url');
  if (text.length > carrierCharsMax)
    throw new RangeError(`an opaque value is longer than ${carrierCharsMax} characters`);
  return text;
}

/** Opens a carrier; undefined for any other text, and for one that is damaged or too long. */
export function unwrapCarrier(text: string): Carried | undefined {
  if (!isCarrier(text) || text.length > carrierCharsMax) return undefined;
  try {
    return toCarried(JSON.parse(Buffer.from(text.slice(carrierPrefix.length), 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}

/** The opaque values in a carrier; undefined for any other text, and for one that is damaged or too long. */
export function unwrapOpaque(text: string): Opaque | undefined {
  return unwrapCarrier(text)?.opaque;
}

/** Whether a text claims to be a carrier; such a text is no vendor's own value. */
export function isCarrier(text: string): boolean {
  return text.startsWith(carrierPrefix);
}

/** Whether a body may hold a carrier, without parsing it: if not, it can pass to a provider of its own format as it is. */
export function hasCarrier(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(carrierPrefix, 0, 'latin1');
}

/**
 * Reads a text that stands where a format has its vendor's own value: a carrier gives what it carries, another text is the
 * vendor's own under the member's name. Undefined for an empty text and for a damaged carrier: nobody could verify those.
 */
export function toOpaque(text: string, vendor: string, member: string): Opaque | undefined {
  if (text === '') return undefined;
  return isCarrier(text) ? unwrapOpaque(text) : { vendor, values: { [member]: text } };
}

/** Writes what a provider made for a client of another format: the answer's vendor and model are named. */
export function toCarrier(
  opaque: Opaque | undefined,
  maker: { readonly vendor: string; readonly upstreamModel: string },
  callId?: string,
): string {
  return wrapOpaque({ vendor: maker.vendor, model: maker.upstreamModel, values: opaque?.values ?? {} }, callId);
}

/** The values if the vendor can verify them: undefined for another vendor's, and where there are none. */
export function valuesFor(opaque: Opaque | undefined, vendor: string): Readonly<Record<string, string>> | undefined {
  return opaque?.vendor === vendor && Object.keys(opaque.values).length > 0 ? opaque.values : undefined;
}

function toCarried(value: unknown): Carried | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { v: vendor, m: model, c: callId, o: values } = value as Record<string, unknown>;
  if (typeof vendor !== 'string' || typeof values !== 'object' || values === null) return undefined;
  if (Object.values(values).some((member) => typeof member !== 'string')) return undefined;
  return {
    opaque: { vendor, ...(typeof model === 'string' && { model }), values: values as Record<string, string> },
    ...(typeof callId === 'string' && { callId }),
  };
}
