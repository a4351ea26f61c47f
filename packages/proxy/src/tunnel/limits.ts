// Limits of connections and datagrams that are proxied without being read; every one has a name.

/** What a socket of TCP, TLS or UDP traffic accepts at most. Times in milliseconds. */
export interface TunnelLimits {
  /** A whole TLS ClientHello with its record headers, in bytes. */
  readonly clientHelloBytesMax: number;
  /** From the accepted connection, or the end of the PROXY header, to the end of the ClientHello. */
  readonly clientHelloTimeoutMs: number;
  /** A PROXY protocol header with everything that follows its addresses, in bytes. */
  readonly proxyHeaderBytesMax: number;
  /** From the accepted connection to the end of the PROXY header. */
  readonly proxyHeaderTimeoutMs: number;
  /** Connections of one socket. */
  readonly connectionsMax: number;
  /** To a connected upstream socket, for each endpoint that is tried. */
  readonly connectTimeoutMs: number;
  /** Endpoints of a backend that are tried for one connection. */
  readonly connectAttemptsMax: number;
  /** How long a connection may stay without a byte in either direction; noticed after at most twice that. */
  readonly idleTimeoutMs: number;
  /** Bytes that wait for a slow reader, each way, before its peer is no longer read. */
  readonly writeBufferBytesMax: number;
  /** Read buffer that a connection has for itself, in bytes. */
  readonly readBufferBytes: number;
  /** Read buffer that is lent to connections with much to read, in bytes. */
  readonly bulkBufferBytes: number;
  /** How many of those there are for the whole process. */
  readonly bulkBuffersMax: number;
  /** How long a flow of datagrams is remembered after its last one. */
  readonly flowIdleTimeoutMs: number;
  /** Flows of one socket; a new one beyond that takes the place of the one that was idle longest. */
  readonly flowsMax: number;
  /** Kernel's receive buffer of a socket for datagrams, in bytes. */
  readonly datagramBufferBytes: number;
  /** How long connections of a removed listener may go on. */
  readonly removedDrainMs: number;
}

/** The limits in force. */
export const tunnelLimits: TunnelLimits = {
  clientHelloBytesMax: 32 * 1024,
  clientHelloTimeoutMs: 10_000,
  proxyHeaderBytesMax: 4096,
  proxyHeaderTimeoutMs: 5000,
  connectionsMax: 10_000,
  connectTimeoutMs: 10_000,
  connectAttemptsMax: 3,
  idleTimeoutMs: 3_600_000,
  writeBufferBytesMax: 64 * 1024,
  readBufferBytes: 16 * 1024,
  bulkBufferBytes: 256 * 1024,
  bulkBuffersMax: 128,
  flowIdleTimeoutMs: 60_000,
  flowsMax: 10_000,
  datagramBufferBytes: 2 * 1024 * 1024,
  removedDrainMs: 30_000,
};
