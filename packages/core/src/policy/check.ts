// Checks that several policies share: expressions and header fields.
import { CelError, compile } from '@agentgateway/cel';
import { policyRoots } from '../expression.ts';
import type { Problem } from './define.ts';

/**
 * The roots there are on the way to the backend, and on the way back. What a model was asked and what it answered is known
 * once a backend has been called; before, an expression that reads it could only fail.
 */
export const celRoots = {
  request: policyRoots.filter((root) => root !== 'response' && root !== 'llm'),
  response: policyRoots,
} as const;

/** Where an expression runs, and what it must come to. */
export interface CelUse {
  readonly half: keyof typeof celRoots;
  readonly result: 'bool' | 'string' | 'any';
}

/** What is wrong with an expression; empty when it compiles. */
export function celProblems(expression: string, path: string, { half, result }: CelUse): Problem[] {
  try {
    compile(expression, { roots: celRoots[half], result });
    return [];
  } catch (error) {
    return [
      {
        path,
        message: error instanceof CelError ? error.message : `the expression cannot be compiled: ${String(error)}`,
      },
    ];
  }
}

/** Whether a host name can stand in a URL: labels of letters, digits and hyphens (RFC 1123 §2.1). */
export function hostnameProblems(hostname: string | undefined, path: string): Problem[] {
  if (hostname === undefined || /^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?$/i.test(hostname))
    return [];
  return [{ path, message: `'${hostname}' is not a host name such as www.example.com` }];
}

/** A method, a header name: RFC 9110 §5.6.2. */
export const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const framing = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a name may be written by policies: a token (RFC 9110 §5.1) that is not part of the framing. */
export function headerNameProblems(name: string, path: string): Problem[] {
  if (!token.test(name)) return [{ path, message: `'${name}' is not a valid header name` }];
  if (framing.has(name.toLowerCase()))
    return [{ path, message: `'${name}' belongs to the connection and cannot be changed` }];
  return [];
}

/** Whether a value can be sent: no control characters but tab (RFC 9110 §5.5). */
export function headerValueProblems(value: string, path: string): Problem[] {
  return isHeaderValue(value) ? [] : [{ path, message: 'a header value cannot hold control characters' }];
}

/** Whether a value can be sent in a header. */
export function isHeaderValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 32 && code !== 9) || code === 127 || code > 255) return false;
  }
  return true;
}
