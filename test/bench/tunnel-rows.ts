// The rows of traffic that is not read.

/** Names of rows. */
export const tunnelRows = ['tcp-download', 'tcp-upload', 'tls-passthrough', 'udp-256'] as const;
/** A row's name. */
export type TunnelRow = (typeof tunnelRows)[number];

/** The name in the ClientHellos of the row for TLS. */
export const tunnelHost = 'bench.example.com';
