// The admin side: what the gateway knows, as JSON on loopback; metrics and readiness on ports of their own.
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { Hono } from 'hono';
import { toJson } from '../telemetry/stories.ts';
import type { Gateway } from '../gateway.ts';
import { dumpResource } from './dump.ts';
import { explain } from './explain.ts';

/** Stories that `/requests` gives where no limit is asked for. */
const storiesDefault = 50;
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** A port that answers. */
export interface AdminPort extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
}

/** Everything the admin port answers. */
export function adminApp(gateway: Gateway): Hono {
  const app = new Hono();
  const paths = [
    '/config_dump',
    '/status',
    '/explain?method=GET&url=URL&model=NAME',
    '/requests?limit=N',
    '/requests/ID',
    '/logging',
    '/metrics',
    '/healthz',
    '/drain',
  ];
  app.get('/', (c) => c.json({ service: 'agentgateway', paths }));
  app.get('/healthz', (c) => c.text('ok'));
  app.get('/config_dump', (c) => c.json(dump(gateway)));
  app.get('/status', (c) => c.json(status(gateway)));
  app.get('/metrics', (c) => metrics(gateway));
  app.get('/requests', (c) => {
    const asked = Number(c.req.query('limit') ?? storiesDefault);
    if (!Number.isInteger(asked) || asked < 1) return c.json({ error: 'limit must be a positive integer' }, 400);
    return c.json({ requests: gateway.stories.newest().take(asked).map(toJson).toArray() });
  });
  app.get('/requests/:id', (c) => {
    const story = gateway.stories.newest().find(({ id }) => id === c.req.param('id'));
    return story ? c.json(toJson(story)) : c.json({ error: 'this request is not among the last ones' }, 404);
  });
  app.get('/explain', (c) => {
    const url = c.req.query('url');
    if (!url)
      return c.json(
        { error: 'url is required, such as /explain?method=POST&url=http://localhost:3000/v1/chat/completions' },
        400,
      );
    const headers = (c.req.queries('header') ?? []).map((line): [string, string] => {
      const colon = line.indexOf(':');
      return colon < 0 ? [line, ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
    return c.json(
      explain(gateway.store.current, {
        method: c.req.query('method') ?? 'GET',
        url,
        headers,
        model: c.req.query('model'),
      }),
    );
  });
  app.get('/logging', (c) => c.json({ level: gateway.logs.log.level, levels }));
  app.post('/logging', (c) => {
    const level = c.req.query('level');
    if (level === undefined || !levels.includes(level))
      return c.json({ error: `level must be one of ${levels.join(', ')}` }, 400);
    gateway.logs.log.level = level;
    return c.json({ level });
  });
  app.post('/drain', (c) => {
    gateway.startDrain();
    return c.json({ draining: true }, 202);
  });
  app.notFound((c) => c.json({ error: `there is no ${c.req.method} ${c.req.path} here`, paths }, 404));
  app.onError((error, c) => {
    if (error instanceof GatewayError) return c.json({ error: error.message, hint: error.hint }, 400);
    gateway.logs.log.error({ err: error }, 'an admin request failed');
    return c.json({ error: 'internal error; the log has its cause' }, 500);
  });
  return app;
}

/** What the metrics port answers. */
export function metricsApp(gateway: Gateway): Hono {
  const app = new Hono();
  const answer = (): Promise<Response> => metrics(gateway);
  app.get('/metrics', (c) => answer());
  app.get('/stats/prometheus', (c) => answer());
  return app;
}

/** What the readiness port answers. */
export function readinessApp(gateway: Gateway): Hono {
  const app = new Hono();
  app.get('/healthz/ready', (c) => {
    const { waitingFor } = gateway.readiness;
    return waitingFor.length === 0 ? c.json({ ready: true }) : c.json({ ready: false, waitingFor }, 503);
  });
  return app;
}

/** Opens a port. Rejects with a message that names it when it cannot be bound. */
export function openPort(app: Hono, address: string, port: number, what: string): Promise<AdminPort> {
  return new Promise((resolve, reject) => {
    const server: ServerType = serve(
      { fetch: app.fetch, hostname: address, port, overrideGlobalObjects: false },
      (bound: AddressInfo) => {
        resolve({
          address: bound.address,
          port: bound.port,
          async [Symbol.asyncDispose]() {
            await new Promise<void>((done) => {
              server.close(() => done());
              if ('closeAllConnections' in server) server.closeAllConnections();
            });
          },
        });
      },
    );
    server.once('error', (error) =>
      reject(new Error(`the ${what} port cannot listen on ${address}:${port}: ${error.message}`, { cause: error })),
    );
  });
}

async function metrics(gateway: Gateway): Promise<Response> {
  const { registry } = gateway.metrics;
  return new Response(await registry.metrics(), { headers: { 'content-type': registry.contentType } });
}

function dump(gateway: Gateway): object {
  const { store } = gateway;
  const resources = [...store.held()].map(({ resource }) => dumpResource(resource));
  return { generation: store.current.generation, listening: gateway.addresses(), resources };
}

function status(gateway: Gateway): object {
  const { state } = gateway.source;
  return {
    listening: gateway.addresses(),
    generation: gateway.store.current.generation,
    ready: gateway.readiness.waitingFor.length === 0,
    waitingFor: gateway.readiness.waitingFor,
    bindErrors: Object.fromEntries(gateway.bindErrors()),
    refused: state.refused,
    refusals: state.refusals,
    issues: state.issues,
    statuses: state.statuses,
  };
}
