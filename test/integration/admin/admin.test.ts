// The admin side of a running gateway: every endpoint, what it hides, and whom it answers.
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
  /** The body as JSON. */
  readonly json: () => Record<string, unknown>;
}

let provider: FakeProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startFakeProvider({ kind: 'openai' });
  gateway = await startTestGateway(
    `
llmBackends:
- name: models
  providers: [{ name: openai, openai: { baseUrl: "${provider.url}/v1" }, auth: { key: "\${UPSTREAM}" } }]
  models: [{ name: smart, targets: [{ provider: openai, model: gpt-4o }] }]
policies:
- { name: keys, apiKeyAuthentication: { keys: [{ key: "\${ADA}", name: ada-laptop, subject: ada }] } }
- { name: fields, headerModifiers: { request: { set: [{ name: authorization, value: Bearer literal-canary }, { name: x-plain, value: seen }] } } }
`,
    { UPSTREAM: 'upstream-canary', ADA: 'caller-canary' },
  );
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await provider.close();
});

function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(gateway.adminUrl + path, { method, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode!, text, json: () => JSON.parse(text) as Record<string, unknown> }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function complete(key = 'caller-canary', model = 'smart'): Promise<string> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
  });
  await answer.text();
  const id = answer.headers.get('x-request-id')!;
  await gateway.line(id);
  return id;
}

describe('endpoints', () => {
  test('/ and unknown paths list what there is; a wrong method is told apart', async () => {
    const root = (await ask('/')).json();
    expect(root).toMatchObject({ service: 'agentgateway', version: expect.any(String) as unknown });
    const unknown = await ask('/stats');
    expect(unknown.status).toBe(404);
    expect(unknown.json()).toEqual({ error: 'there is no GET /stats here', paths: root['paths'] });
    const wrong = await ask('/drain');
    expect(wrong.status).toBe(405);
    expect(wrong.json()).toEqual({ error: '/drain is not for GET', paths: ['POST /drain'] });
    expect(gateway.gateway.readiness.waitingFor).toEqual([]);
  });

  test('/healthz and /status', async () => {
    expect(await ask('/healthz')).toMatchObject({ status: 200, text: 'ok' });
    const status = (await ask('/status')).json();
    expect(status).toMatchObject({
      ready: true,
      waitingFor: [],
      bindErrors: {},
      refused: [],
      listening: [new URL(gateway.url).host],
    });
    const kinds = (status['statuses'] as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['Gateway', 'HTTPRoute', 'LLMBackend', 'Policy']));
  });

  test('/config_dump holds every resource with its version, and no secret', async () => {
    const { text, json } = await ask('/config_dump');
    const { resources } = json() as { resources: { key: string; version: string; message: unknown }[] };
    const kinds = new Set(resources.map(({ key }) => key.split('/')[0]));
    expect([...kinds]).toEqual(expect.arrayContaining(['listener', 'httproute', 'llmbackend', 'policy', 'secret']));
    for (const { version, message } of resources) {
      expect(version).toMatch(/^[0-9a-f]{32}$/);
      expect(message).toBeTypeOf('object');
    }
    expect(text).toContain('seen');
    expect(text).not.toContain('canary');
    expect(text).not.toMatch(/"sha256":"(?!\(redacted\))/);
  });

  test('/explain tells the way of a request, and what is wrong with a question', async () => {
    const url = encodeURIComponent(`${gateway.url}/v1/messages`);
    const told = (await ask(`/explain?method=POST&url=${url}&model=smart`)).json();
    expect(told).toMatchObject({
      listener: 'listener/default/default/http',
      backends: [
        {
          key: 'llmbackend/default/models',
          detail: { model: 'smart', targets: [{ provider: 'openai', model: 'gpt-4o' }] },
        },
      ],
    });
    expect(told['refusal']).toBeUndefined();
    for (const [query, error] of [
      ['', /a URL is required, such as/],
      ['?url=ftp://x/', /the URL is 'ftp:/],
      [`?url=${url}&header=nonsense`, /the header is 'nonsense'; it must be NAME:VALUE/],
      [`?url=${url}&method=G%20T`, /the method is 'G T'/],
    ] as const) {
      const refused = await ask(`/explain${query}`);
      expect(refused.status).toBe(400);
      expect(refused.json()['error']).toMatch(error);
    }
  });

  test('/requests tells the last requests’ stories, newest first', async () => {
    const first = await complete();
    const second = await complete('wrong');
    const { requests } = (await ask('/requests?limit=2')).json() as { requests: Record<string, unknown>[] };
    expect(requests.map(({ id }) => id)).toEqual([second, first]);
    expect(requests[0]).toMatchObject({
      outcome: { status: 401, reason: 'unauthenticated' },
      verdicts: [
        { policy: expect.stringContaining('policy/default/keys') as unknown, verdict: 'refused: unauthenticated' },
      ],
      attempts: [],
    });
    const story = (await ask(`/requests/${first}`)).json();
    expect(story).toMatchObject({
      method: 'POST',
      path: '/v1/chat/completions',
      subject: 'ada',
      credential: 'ada-laptop',
      outcome: { status: 200 },
      placement: { route: 'httproute/default/llm' },
      attempts: [{ target: 'openai/gpt-4o', status: 200, endpoint: `127.0.0.1:${provider.port}` }],
      llm: {
        requestModel: 'smart',
        cost: { nanoUsd: expect.stringMatching(/^\d+$/) as unknown, usd: expect.any(Number) as unknown },
      },
    });
    expect(JSON.stringify(requests)).not.toContain('canary');
    expect(await ask('/requests/nobody')).toMatchObject({ status: 404 });
    for (const limit of ['0', '-1', 'many', '1e2', '']) {
      const refused = await ask(`/requests?limit=${limit}`);
      expect([limit, refused.status]).toEqual([limit, 400]);
      expect(refused.json()['error']).toMatch(/must be an integer from 1/);
    }
  });

  test('/logging tells and sets the level', async () => {
    expect((await ask('/logging')).json()).toMatchObject({ level: 'info' });
    expect((await ask('/logging?level=debug', 'POST')).json()).toMatchObject({ level: 'debug' });
    expect(gateway.gateway.logs.log.level).toBe('debug');
    for (const path of ['/logging', '/logging?level=loud']) {
      const refused = await ask(path, 'POST');
      expect(refused.status).toBe(400);
      expect(refused.json()['error']).toMatch(/level must be one of trace, debug, info/);
    }
    expect(gateway.gateway.logs.log.level).toBe('debug');
    await ask('/logging?level=info', 'POST');
  });

  test('/metrics is what the metrics port tells', async () => {
    const { text } = await ask('/metrics');
    expect(text).toContain('# TYPE agentgateway_requests_total counter');
    const { port } = gateway.gateway.ports.get('metrics')!;
    for (const path of ['/metrics', '/stats/prometheus']) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(await answer.text()).toContain('# TYPE gen_ai_client_token_usage histogram');
    }
  });
});

describe('callers', () => {
  test.each([
    [
      'a name that was pointed at loopback',
      { host: 'evil.example.com' },
      /the host 'evil\.example\.com' is not this gateway's/,
    ],
    ['one with the port', { host: 'evil.example.com:15000' }, /use an IP address or localhost/],
    ['a name that looks like an address', { host: '127.0.0.1.evil.example.com' }, /is not this gateway's/],
    [
      'a page of another site',
      { origin: 'https://evil.example.com' },
      /a page of 'https:\/\/evil\.example\.com' may not use the admin side/,
    ],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }, /may not use/],
    ['a page without an origin of its own', { origin: 'null' }, /a page of 'null'/],
  ] as const)('%s is refused', async (_what, headers, error) => {
    for (const [path, method] of [
      ['/config_dump', 'GET'],
      ['/drain', 'POST'],
      ['/nothing', 'GET'],
    ] as const) {
      const refused = await ask(path, method, headers);
      expect(refused.status).toBe(403);
      expect(refused.json()['error']).toMatch(error);
    }
    expect(gateway.gateway.readiness.waitingFor).toEqual([]);
  });

  test('a cross-site form is refused although it names no origin', async () => {
    const refused = await ask('/logging?level=silent', 'POST', { 'sec-fetch-site': 'cross-site' });
    expect(refused.status).toBe(403);
    expect(gateway.gateway.logs.log.level).toBe('info');
  });

  test.each(['localhost', 'localhost:15000', '127.0.0.1', '[::1]:15000', '10.1.2.3:15000'])(
    '%s is answered',
    async (host) => expect((await ask('/status', 'GET', { host })).status).toBe(200),
  );

  test('its own pages are answered, and may not be framed', async () => {
    const headers = { origin: `http://${new URL(gateway.adminUrl).host}`, 'sec-fetch-site': 'same-origin' };
    expect((await ask('/logging?level=info', 'POST', headers)).status).toBe(200);
    const answer = await fetch(`${gateway.adminUrl}/status`);
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

// Last: it ends what the others use.
test('POST /drain asks for the end', async () => {
  let isAsked = false;
  const asked = gateway.gateway.drainAsked.then(() => (isAsked = true));
  await ask('/healthz');
  expect(isAsked).toBe(false);
  expect(await ask('/drain', 'POST')).toMatchObject({ status: 202 });
  await asked;
});
