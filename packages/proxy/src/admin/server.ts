// The admin side: what the gateway knows, as JSON on loopback; metrics and readiness on ports of their own.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { toJson } from '../telemetry/stories.ts';
import type { Gateway } from '../gateway.ts';
import { version } from '../version.ts';
import { dumpResource } from './dump.ts';
import { countEndpoints, describeEndpoints } from './endpoints.ts';
import { explain, readQuestion } from './explain.ts';
import { explainTunnel, readTunnelQuestion } from './explain-tunnel.ts';
import { refusalOf } from './guard.ts';

/** Stories that `/requests` gives where no limit is asked for. */
const storiesDefault = 50;
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** A port that answers. */
export interface AdminPort extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
}

/** What can be asked. */
const paths = [
  'GET /status',
  'GET /explain?method=GET&url=URL&model=NAME&header=NAME:VALUE',
  'GET /requests?limit=N',
  'GET /requests/ID',
  'GET /config_dump',
  'GET /logging',
  `POST /logging?level=${levels.join('|')}`,
  'GET /metrics',
  'GET /healthz',
  'POST /drain',
];

/** Everything the admin port answers; `boundTo` is the name or address it is bound by. */
export function adminApp(gateway: Gateway, boundTo = 'localhost'): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    const refusal = refusalOf(
      {
        method: c.req.method,
        host: c.req.header('host'),
        origin: c.req.header('origin'),
        fetchSite: c.req.header('sec-fetch-site'),
      },
      boundTo,
    );
    if (refusal !== undefined) return c.json({ error: refusal }, 403);
    await next();
    // Nothing here may be shown inside another page or taken for something else.
    c.header('x-content-type-options', 'nosniff');
    c.header('x-frame-options', 'DENY');
    c.header('cache-control', 'no-store');
  });
  app.get('/', (c) => c.json({ service: 'agentgateway', version, paths }));
  app.get('/healthz', (c) => c.text('ok'));
  app.get('/config_dump', (c) => c.json(dump(gateway)));
  app.get('/status', (c) => c.json(status(gateway)));
  app.get('/metrics', () => metrics(gateway));
  app.get('/requests', (c) => {
    const asked = c.req.query('limit') ?? String(storiesDefault);
    if (!/^[1-9][0-9]{0,5}$/.test(asked))
      return c.json({ error: `limit is '${asked}'; it must be an integer from 1, such as /requests?limit=20` }, 400);
    return c.json({ requests: gateway.stories.newest().take(Number(asked)).map(toJson).toArray() });
  });
  app.get('/requests/:id', (c) => {
    const id = c.req.param('id');
    const story = gateway.stories.newest().find((kept) => kept.id === id);
    if (story) return c.json(toJson(story));
    return c.json({ error: `request ${id} is not among the last ones; /requests lists those that are kept` }, 404);
  });
  app.get('/explain', (c) => {
    const tunnel = readTunnelQuestion(c.req.query('url') ?? '');
    if (typeof tunnel === 'string') return c.json({ error: tunnel }, 400);
    if (tunnel) return c.json(explainTunnel(gateway.store.current, tunnel));
    const question = readQuestion({
      method: c.req.query('method'),
      url: c.req.query('url'),
      headers: c.req.queries('header') ?? [],
      model: c.req.query('model'),
    });
    if (typeof question === 'string') return c.json({ error: question }, 400);
    return c.json(explain(gateway.store.current, question));
  });
  addLogging(app, gateway);
  app.post('/drain', (c) => {
    gateway.startDrain();
    return c.json({ draining: true }, 202);
  });
  app.notFound((c) => {
    const { method, path } = c.req;
    const others = paths.filter((each) => each.replace(/\?.*/, '').endsWith(` ${path}`));
    if (others.length > 0) return c.json({ error: `${path} is not for ${method}`, paths: others }, 405);
    return c.json({ error: `there is no ${method} ${path} here`, paths }, 404);
  });
  app.onError((error, c) => {
    gateway.logs.log.error({ err: error }, 'an admin request failed');
    return c.json({ error: 'internal error; the log has its cause' }, 500);
  });
  return app;
}

/** The log's level, told and set. */
function addLogging(app: Hono, { logs: { log } }: Gateway): void {
  app.get('/logging', (c) => c.json({ level: log.level, levels }));
  app.post('/logging', (c) => {
    const level = c.req.query('level');
    if (level === undefined || !levels.includes(level))
      return c.json(
        { error: `level must be one of ${levels.join(', ')}, such as POST /logging?level=debug`, level: log.level },
        400,
      );
    log.level = level;
    return c.json({ level, levels });
  });
}

/** What the metrics port answers. */
export function metricsApp(gateway: Gateway): Hono {
  const app = new Hono();
  const answer = (): Promise<Response> => metrics(gateway);
  app.get('/metrics', answer);
  app.get('/stats/prometheus', answer);
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
    server.on('error', (error) => {
      const place = toHostPort({ address, port });
      const isTaken = 'code' in error && error.code === 'EADDRINUSE';
      const why = isTaken ? 'another process uses it' : error.message;
      const flag = `choose another with --${what}-port, or off`;
      reject(new Error(`the ${what} port cannot listen on ${place}: ${why}; ${flag}`, { cause: error }));
    });
  });
}

async function metrics(gateway: Gateway): Promise<Response> {
  const { registry } = gateway.metrics;
  gateway.metrics.replace('agentgateway_endpoints', countEndpoints(gateway.store.current));
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
    version,
    generation: gateway.store.current.generation,
    ready: gateway.readiness.waitingFor.length === 0,
    waitingFor: gateway.readiness.waitingFor,
    bindErrors: Object.fromEntries(gateway.bindErrors()),
    refused: state.refused,
    refusals: state.refusals,
    issues: state.issues,
    endpoints: describeEndpoints(gateway.store.current),
    statuses: state.statuses,
  };
}
