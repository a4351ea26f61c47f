// Limits of the servers; every one has a name, and errors name it.

/** What a listener accepts at most. Times in milliseconds. */
export interface ServerLimits {
  /** All header fields of a request together, in bytes. */
  readonly headerBytesMax: number;
  /** Header fields of a request. */
  readonly headersMax: number;
  /** From the connection's first byte to the end of the head. */
  readonly headersTimeoutMs: number;
  /** Between two chunks of a request body, while the client is waited for. */
  readonly requestIdleTimeoutMs: number;
  /** How long a client may take nothing of an answer that waits for it; noticed after at most twice that. */
  readonly writeIdleTimeoutMs: number;
  /** How long a connection without a request is kept. */
  readonly keepAliveTimeoutMs: number;
  /** Streams of one HTTP/2 connection at a time. */
  readonly concurrentStreamsMax: number;
  /** Connections of one listener. */
  readonly connectionsMax: number;
  /** Memory of one HTTP/2 session, in megabytes. */
  readonly sessionMemoryMb: number;
  /** Response bytes that wait for a client's socket before the source must wait. */
  readonly writeBufferBytesMax: number;
  /** How much of a request body nobody wants is read after the answer, so that the client gets to see it. */
  readonly discardBytesMax: number;
  /** For how long. */
  readonly discardTimeoutMs: number;
  /** How long a drain waits for the first bytes of a connection that was accepted before it. */
  readonly drainFreshMs: number;
  /** How long requests that a drain gave up may take to say so to their clients. */
  readonly drainGraceMs: number;
}

/** The limits in force. */
export const serverLimits: ServerLimits = {
  headerBytesMax: 64 * 1024,
  headersMax: 200,
  headersTimeoutMs: 10_000,
  requestIdleTimeoutMs: 60_000,
  writeIdleTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  concurrentStreamsMax: 256,
  connectionsMax: 10_000,
  sessionMemoryMb: 10,
  writeBufferBytesMax: 64 * 1024,
  discardBytesMax: 1024 * 1024,
  discardTimeoutMs: 5000,
  drainFreshMs: 1000,
  drainGraceMs: 500,
};
