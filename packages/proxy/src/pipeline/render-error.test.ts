// A failure in every dialect: the reason is said, its cause is not.
import { describe, expect, test } from 'vitest';
import { GatewayError, type Reason, reasons } from '@agentgateway/core/errors.ts';
import type { Dialect, Exchange } from '@agentgateway/core/exchange.ts';
import { renderError, renderGrpcFailure } from './render-error.ts';

const dialects: readonly Dialect[] = ['json', 'chat', 'responses', 'messages', 'grpc'];
const exchangeIn = (dialect: Dialect): Exchange => ({ id: 'id-1', dialect }) as Exchange;

describe.each(dialects)('in %s', (dialect) => {
  test.each(Object.keys(reasons) as Reason[])('%s', (reason) => {
    const error = new GatewayError(reason, 'what happened', {
      cause: new Error('SECRET'),
      headers: [['retry-after', '3']],
    });
    const { status, headers, body, reason: told, origin } = renderError(exchangeIn(dialect), error);
    expect(told).toBe(reason);
    expect(origin).toBe(reasons[reason].origin === 'policy' ? 'policy' : 'gateway');
    expect(headers.get('retry-after')).toBe('3');
    const text = Buffer.from(body.buffered ?? new Uint8Array(0)).toString() + headers.raw.join();
    expect(text).toContain('what happened');
    expect(text).not.toContain('SECRET');
    if (dialect === 'grpc') {
      expect(status).toBe(200);
      expect(headers.get('grpc-status')).toBe(String(reasons[reason].grpcCode));
      return;
    }
    expect(status).toBe(reasons[reason].status);
    expect(headers.get('content-type')).toBe('application/json');
    const parsed = JSON.parse(Buffer.from(body.buffered!).toString()) as { error: Record<string, unknown> };
    if (dialect === 'messages') expect(parsed).toMatchObject({ type: 'error', request_id: 'id-1' });
    if (dialect === 'messages') expect(parsed.error['type']).toBe(reasons[reason].anthropicType);
    else if (dialect === 'json') expect(parsed.error).toMatchObject({ reason, requestId: 'id-1' });
    else expect(parsed.error).toMatchObject({ type: reasons[reason].openaiType, code: reasons[reason].openaiCode });
  });
});

test('what is no GatewayError is internal, its text unsaid', () => {
  for (const thrown of [new TypeError('SECRET'), 'SECRET', undefined]) {
    const reply = renderError(exchangeIn('json'), thrown);
    expect(reply.status).toBe(500);
    expect(Buffer.from(reply.body.buffered!).toString()).not.toContain('SECRET');
    expect(reply.error).toBe(thrown);
  }
});

test('a gRPC message is percent-encoded UTF-8', () => {
  const trailers = renderGrpcFailure(new GatewayError('upstream-reset', '100 % ü\n~'));
  expect(trailers.raw).toEqual(['grpc-status', '14', 'grpc-message', '100 %25 %C3%BC%0A~']);
});
