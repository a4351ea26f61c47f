// Keeps web pages out of the admin side, which has no login: a browser must not carry them to loopback.
import { isIP } from 'node:net';

/** What a request says of where it comes from. */
export interface Caller {
  readonly method: string;
  /** The Host field. */
  readonly host: string | undefined;
  /** The Origin field; browsers send it with every request that may change something. */
  readonly origin: string | undefined;
  /** The Sec-Fetch-Site field. */
  readonly fetchSite: string | undefined;
}

/**
 * Why a request is refused; undefined where it is not. A name that is no address may have been pointed at loopback by
 * whoever owns it (DNS rebinding), so only addresses, localhost and the name that the port was bound by are taken.
 */
export function refusalOf({ method, host, origin, fetchSite }: Caller, boundTo: string): string | undefined {
  const name = host === undefined ? undefined : nameOf(host);
  if (host !== undefined && (name === undefined || !isOwnName(name, boundTo))) {
    return `the host '${host}' is not this gateway's: use an IP address or localhost in the URL`;
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    return `a page of '${origin}' may not use the admin side: open the gateway's own address`;
  }
  if (method !== 'GET' && method !== 'HEAD' && (fetchSite === 'cross-site' || fetchSite === 'same-site')) {
    return 'another site’s page may not use the admin side';
  }
  return undefined;
}

function isOwnName(name: string, boundTo: string): boolean {
  if (isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0) return true;
  return name === 'localhost' || name.endsWith('.localhost') || name === boundTo.toLowerCase();
}

/** The host without its port, lower-case; undefined where it is no host. */
function nameOf(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^:[\]/@]+)(?::[0-9]+)?$/i.exec(host)?.[1]?.toLowerCase();
}
