// Fields that belong to one connection and never pass (RFC 9110 §7.6.1).
import type { HeaderList } from '@agentgateway/core/header-list.ts';

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Removes hop-by-hop fields and those that `connection` names. */
export function removeHopByHop(headers: HeaderList): void {
  const named = headers.combined('connection')?.toLowerCase();
  const extra =
    named === undefined || named === 'keep-alive' || named === 'close'
      ? undefined
      : new Set(named.split(',').map((token) => token.trim()));
  headers.removeWhere((name) => {
    const lower = name.toLowerCase();
    return hopByHop.has(lower) || (extra?.has(lower) ?? false);
  });
}
