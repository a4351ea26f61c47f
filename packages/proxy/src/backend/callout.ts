// A policy's callout: a small buffered request to a backend of the current configuration.
import { Body } from '@agentgateway/core/body.ts';
import type { Upstream } from '@agentgateway/core/environment.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { Exchange } from '@agentgateway/core/exchange.ts';
import { defaultSettings } from '@agentgateway/core/settings.ts';
import type { Clock } from '../environment.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

/** Reaches a backend by key; the backend is looked up at each call. */
export function callout(current: () => Snapshot, clock: Clock, backendKey: string): Upstream {
  return {
    async call({ method, path, headers, body, timeoutMs, responseBytesMax }) {
      const snapshot = current();
      const target = snapshot.backend(backendKey);
      if (!target) throw new GatewayError('backend-invalid', `backend ${backendKey} does not exist`);
      const queryAt = path.indexOf('?');
      const exchange = new Exchange(
        {
          id: clock.id(),
          method,
          scheme: 'http',
          authority: headers.get('host') ?? '',
          path: queryAt < 0 ? path : path.slice(0, queryAt),
          query: queryAt < 0 ? undefined : path.slice(queryAt + 1),
          httpVersion: '1.1',
          headers,
          body: body ? Body.of(body) : Body.none(),
          client: { address: '127.0.0.1', port: 0 },
          tls: undefined,
          startMs: clock.monotonicMs(),
          startEpochMs: clock.now(),
        },
        snapshot,
      );
      const settings = { ...defaultSettings, timeouts: { ...defaultSettings.timeouts, backendRequestMs: timeoutMs } };
      try {
        const reply = await target.call(exchange, { settings, port: 0 });
        exchange.keep(reply.body);
        await reply.body.bytes(responseBytesMax, 'response-too-large');
        return reply;
      } finally {
        // Whoever called keeps the answer for a moment only.
        exchange.release();
      }
    },
  };
}
