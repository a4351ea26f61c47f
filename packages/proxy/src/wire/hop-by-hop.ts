// Fields that belong to one connection and never pass, in either direction (RFC 9110 §7.6.1).
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** Whether a field belongs to one connection by its name alone. The length is asked first, for it settles most names. */
export function isHopByHop(name: string): boolean {
  switch (name.length) {
    case 2:
    case 7:
    case 10:
    case 14:
    case 16:
    case 17:
    case 18:
    case 19:
      return hopByHop.has(name.toLowerCase());
    default:
      return false;
  }
}

const hopByHop = new Set([
  'te',
  'trailer',
  'upgrade',
  'connection',
  'keep-alive',
  'http2-settings',
  'proxy-connection',
  'transfer-encoding',
  'proxy-authenticate',
  'proxy-authorization',
]);

/** The further fields that `connection` names, in lower case; undefined where it names none. */
export function namedByConnection(headers: HeaderList): ReadonlySet<string> | undefined {
  const value = headers.combined('connection');
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined;
  return new Set(
    value
      .toLowerCase()
      .split(',')
      .map((token) => token.trim()),
  );
}

/** Removes hop-by-hop fields and those that `connection` names. */
export function removeHopByHop(headers: HeaderList): void {
  const named = namedByConnection(headers);
  headers.removeWhere((name) => isHopByHop(name) || (named?.has(name.toLowerCase()) ?? false));
}
