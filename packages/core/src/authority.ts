// Host and port in one text, as URIs write them (RFC 3986 §3.2.2).

/** `address:port`, an IPv6 address in brackets. */
export function toHostPort({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
