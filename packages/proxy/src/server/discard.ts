// What becomes of the body of an HTTP/2 request that nobody wanted, once the answer is given.
import { type Http2ServerRequest, constants } from 'node:http2';
import type { ServerLimits } from './limits.ts';

/** Reads the rest, within limits, and throws it away: a client still sending would otherwise lose the answer to a reset. */
export function discardRest(request: Http2ServerRequest, limits: ServerLimits): void {
  if (request.readableEnded || request.destroyed || request.stream.endAfterHeaders) return;
  // The client is told to stop without being told that it failed (RFC 9113 §8.1).
  const give = (): void => request.stream.close(constants.NGHTTP2_NO_ERROR);
  let left = limits.discardBytesMax;
  const late = setTimeout(give, limits.discardTimeoutMs);
  const over = (): void => clearTimeout(late);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.byteLength;
    if (left < 0) give();
  });
  request.on('end', over).on('close', over).resume();
}
