// What becomes of a request body that nobody wanted, once the answer is given.
import { Http2ServerRequest, constants } from 'node:http2';
import type { ServerLimits } from './limits.ts';
import type { NodeRequest } from './request-source.ts';

/**
 * Reads the rest of a request, within limits, and throws it away: a client still sending would otherwise lose the answer
 * to a connection reset, and the next request of the connection would have to wait.
 */
export function discardRest(request: NodeRequest, limits: ServerLimits): void {
  if (request.readableEnded || request.destroyed) return;
  const isHttp2 = request instanceof Http2ServerRequest;
  if (isHttp2 && request.stream.endAfterHeaders) return;
  const give = (): void => {
    // An HTTP/2 client is told to stop without being told that it failed (RFC 9113 §8.1).
    if (isHttp2) request.stream.close(constants.NGHTTP2_NO_ERROR);
    else request.socket.destroy();
  };
  let left = limits.discardBytesMax;
  const late = setTimeout(give, limits.discardTimeoutMs);
  const over = (): void => clearTimeout(late);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.byteLength;
    if (left < 0) give();
  });
  request.on('end', over).on('close', over).resume();
}
