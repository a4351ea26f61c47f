// Errors of providers that speak OpenAI's formats, with the forms that vendors made of them.
import type { JsonObject } from '../../hub/extra.ts';
import type { ProviderFailure } from '../../hub/response.ts';
import { asObject } from '../../usage.ts';

/**
 * Reads `{error: {message, type, param, code}}` and its relatives: `error` as a string, `detail` as a string or a list of problems,
 * `message` at the top, any of these in an array. Undefined for anything else. A status of 0 is left out.
 */
export function chatFailure(body: unknown, status: number): ProviderFailure | undefined {
  const holder = asObject(Array.isArray(body) ? body[0] : body);
  if (!holder) return undefined;
  const error = asObject(holder['error']);
  const message = error ? messageOf(error) : messageOf(holder);
  if (message === undefined) return undefined;
  const source = error ?? holder;
  return {
    message,
    ...textMember(source, 'type'),
    ...textMember(source, 'code'),
    ...textMember(source, 'param'),
    ...(status > 0 && { status }),
  };
}

function messageOf(holder: JsonObject): string | undefined {
  for (const name of ['message', 'error', 'detail', 'msg', 'title']) {
    const value = holder[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  const details = holder['detail'];
  if (Array.isArray(details)) return listed(details);
  const inner = asObject(details);
  return inner && messageOf(inner);
}

/** Problems as FastAPI servers (vLLM, Mistral) list them: `[{loc: ['body', 'temperature'], msg: '…'}]`. */
function listed(details: readonly unknown[]): string | undefined {
  const lines = details.flatMap((detail) => {
    const { msg, loc } = (asObject(detail) ?? {}) as JsonObject;
    if (typeof msg !== 'string') return [];
    return [Array.isArray(loc) ? `${loc.join('.')}: ${msg}` : msg];
  });
  return lines.length === 0 ? undefined : lines.join('; ');
}

function textMember<N extends 'type' | 'code' | 'param'>(holder: JsonObject, name: N): Partial<Record<N, string>> {
  const value = holder[name];
  if (typeof value === 'string') return { [name]: value } as Partial<Record<N, string>>;
  // A number is a code too: several vendors put the HTTP status there.
  if (typeof value === 'number') return { [name]: String(value) } as Partial<Record<N, string>>;
  return {};
}
