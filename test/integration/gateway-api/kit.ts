// Gateways from manifests, backends that say what they got, and a client: what tests of the behaviour rules are made of.
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';
import { RawClient, type Upstream, startUpstream } from '../../kit/http.ts';

/** A backend that answers with what it got. */
export interface Echo extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** What it got so far. */
  readonly received: Received[];
  /** Resolves when it has got so many. */
  until(count: number): Promise<void>;
}

/** A request as a backend got it. */
export interface Received {
  readonly backend: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** By lower-case name; several are joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What an echo answers beside what it got. */
export interface EchoOptions {
  /** Status of the n-th request, from 1; 200 when left out. */
  readonly status?: (count: number) => number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Waited for before each answer. */
  readonly before?: () => Promise<void>;
}

/** Starts an echo. */
export async function startEcho(name: string, { status, headers = {}, before }: EchoOptions = {}): Promise<Echo> {
  const received: Received[] = [];
  let wake = Promise.withResolvers<void>();
  const upstream: Upstream = await startUpstream((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const got: Received = {
        backend: name,
        method: request.method ?? '',
        path: request.url ?? '',
        host: request.headers.host ?? '',
        headers: Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)])),
        body,
      };
      received.push(got);
      wake.resolve();
      wake = Promise.withResolvers();
      const answer = (): void => {
        response.writeHead(status?.(received.length) ?? 200, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(got));
      };
      if (before) void before().then(answer);
      else answer();
    });
  });
  return {
    name,
    port: upstream.port,
    received,
    async until(count) {
      while (received.length < count) await wake.promise;
    },
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

/** How a Service is written. */
export interface ServiceOptions {
  readonly namespace?: string;
  readonly appProtocol?: string;
  readonly spec?: object;
  /** Ports of the endpoints; none makes a Service without any. */
  readonly ports?: readonly number[];
}

/** The manifests of a Service on port 80, and of its endpoints. */
export function service(
  name: string,
  port: number,
  { namespace = 'default', appProtocol, spec = {}, ports = [port] }: ServiceOptions = {},
): string {
  const slices = ports.map((target, index) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${index}`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: target }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
  }));
  return manifests(
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { ports: [{ name: 'http', port: 80, ...(appProtocol !== undefined && { appProtocol }) }], ...spec },
    },
    ...slices,
    // A Service that says nowhere where it is would be looked up in DNS.
    ...(slices.length > 0 ? [] : [emptySlice(name, namespace)]),
  );
}

function emptySlice(name: string, namespace: string): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-none`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 1 }],
    endpoints: [],
  };
}

/** Objects as YAML documents. */
export function manifests(...objects: readonly object[]): string {
  return objects.map((object) => `---\n${JSON.stringify(object)}\n`).join('');
}

/** An HTTPRoute of the Gateway `g`. */
export function httpRoute(name: string, spec: object, namespace = 'default'): string {
  return routeOf('HTTPRoute', name, spec, namespace);
}

/** HTTPRoutes of the Gateway `g` for rules of distinct paths, as many as they need: a route holds sixteen. */
export function httpRoutes(name: string, rules: readonly object[]): string {
  const texts: string[] = [];
  for (let start = 0; start < rules.length; start += 16)
    texts.push(httpRoute(`${name}-${start}`, { rules: rules.slice(start, start + 16) }));
  return texts.join('');
}

/** A GRPCRoute of the Gateway `g`. */
export function grpcRoute(name: string, spec: object): string {
  return routeOf('GRPCRoute', name, spec, 'default');
}

function routeOf(kind: string, name: string, spec: object, namespace: string): string {
  const parentRefs = [{ name: 'g', namespace: 'default' }];
  return manifests({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name, namespace },
    spec: { parentRefs, ...spec },
  });
}

/** The Gateway `g` with listeners on the port of the test. */
export function gateway(listeners: readonly object[] = [{}]): string {
  return `gateways: ${JSON.stringify([
    {
      name: 'g',
      listeners: listeners.map((listener, index) => ({
        name: `l${index}`,
        port: 'PORT',
        allowedRoutes: { namespaces: { from: 'All' } },
        ...listener,
      })),
    },
  ]).replaceAll('"PORT"', 'PORT')}\n`;
}

/** Starts a gateway from these texts, the first of which is `gateway()`. */
export function startApi(...texts: readonly string[]): Promise<TestGateway> {
  return startTestGateway(texts.join(''));
}

/** What is asked. */
export interface Asked {
  readonly method?: string;
  readonly host?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
}

/** What was answered. */
export interface Answered {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: string;
  /** Name of the backend that answered; undefined where none did. */
  readonly backend: string | undefined;
  /** What the backend got. */
  readonly got: Received | undefined;
}

/** Asks over HTTP/1.1 on a connection of its own. */
export async function ask(api: TestGateway | number, path: string, asked: Asked = {}): Promise<Answered> {
  const { method = 'GET', host = 'example.com', headers = [], body = '' } = asked;
  const port = typeof api === 'number' ? api : Number(new URL(api.url).port);
  using client = new RawClient(port);
  const fields = [['host', host], ['connection', 'close'], ...headers];
  if (body !== '') fields.push(['content-length', String(Buffer.byteLength(body))]);
  client.send(`${method} ${path} HTTP/1.1\r\n${fields.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\n${body}`);
  const answer = await client.answer(method);
  const got = answer.status === 200 && answer.body.startsWith('{') ? (JSON.parse(answer.body) as Received) : undefined;
  return {
    status: answer.status,
    header: (name) => answer.header(name),
    body: answer.body,
    backend: got?.backend,
    got,
  };
}

/** A reference to a Service on port 80. */
export function ref(name: string, more: object = {}): object {
  return { name, port: 80, ...more };
}
