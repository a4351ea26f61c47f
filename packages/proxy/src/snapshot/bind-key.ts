// The key of a socket: what listeners must agree on to share one.

/** Listeners with the same address and port share a socket. Port 0 is any free port: another one for each listener. */
export function bindKey(address: string, port: number, listener: string): string {
  return port === 0 ? `${address}:0 ${listener}` : `${address}:${port}`;
}
