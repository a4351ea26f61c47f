// Editing a running gateway's file: no connection drops, no request is lost, no state is reset, and nothing broken gets in.
import { once } from 'node:events';
import { unlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../kit/gateway.ts';
import { RawClient, ask, startUpstream } from '../../kit/http.ts';
import { answersWith, gatewayOf, portOf, routeTo, startReloadable } from './reloadable.ts';

const echo = { llmBackends: [{ name: 'models', providers: [{ name: 'echo', echo: {} }] }] };
const http = { name: 'http', port: 0 };
const get = 'GET / HTTP/1.1\r\nhost: test\r\n\r\n';

const serves = async (port: number): Promise<boolean> => (await ask(port, 'GET /v1/models HTTP/1.1')).status === 200;
const refuses = async (port: number): Promise<boolean> => {
  using client = new RawClient(port);
  await client.ended();
  return client.pending === '';
};

/** Echo, and a policy that tells one edit from another. */
const edited = (edition: string): object => ({
  gateways: [gatewayOf(http)],
  ...echo,
  policies: [answersWith(edition)],
});

const listening = (...listeners: object[]): object => ({ gateways: [gatewayOf(...listeners)], ...echo });

const to = (name: string, upstream: number): ReturnType<typeof routeTo> =>
  routeTo(upstream, { name, route: { parentRefs: [{ name: 'g', sectionName: name }] } });

describe('connections', () => {
  test('one that is kept alive and a stream under way survive an edit; new requests see it, the running one does not', async () => {
    const { promise: next, resolve: go } = Promise.withResolvers<void>();
    await using upstream = await startUpstream((request, response) => {
      if (request.url !== '/stream') {
        response.end('ok');
        return;
      }
      response.write('first ');
      void next.then(() => response.end('last'));
    });
    const config = (edition: string): object => ({
      gateways: [gatewayOf(http)],
      ...routeTo(upstream.port),
      policies: [answersWith(edition)],
    });
    await using running = await startReloadable(config('1'));
    const port = portOf(running.gateway.addresses()[0]!);
    using idle = new RawClient(port);
    using stream = new RawClient(port);
    idle.send(get);
    expect((await idle.answer()).header('x-edition')).toBe('1');
    stream.send('GET /stream HTTP/1.1\r\nhost: test\r\n\r\n');
    await stream.until((received) => received.includes('first'));
    // The stream holds the snapshot that it began with.
    const { use } = running.gateway.store.current;
    expect(use.users).toBe(1);
    await running.edit(config('2'));
    expect(running.gateway.addresses()).toEqual([`127.0.0.1:${port}`]);
    idle.send(get);
    expect((await idle.answer()).header('x-edition')).toBe('2');
    expect(use.users).toBe(1);
    go();
    const whole = await stream.answer();
    while (use.users > 0) await new Promise((done) => setImmediate(done));
    expect([whole.body, whole.isWhole, whole.header('x-edition')]).toEqual(['first last', true, '1']);
    stream.send(get);
    expect((await stream.answer()).header('x-edition')).toBe('2');
    // The pool of upstream connections is no part of the configuration either.
    expect(upstream.connections).toBe(2);
  });

  test('edits under load lose no request', async () => {
    await using upstream = await startUpstream((_request, response) => response.end('ok'));
    const config = (edition: number): object => ({
      gateways: [gatewayOf(http)],
      ...routeTo(upstream.port, { rule: { matches: edition % 2 === 0 ? [{ path: { value: '/' } }] : [{}] } }),
      policies: [answersWith(String(edition))],
    });
    await using running = await startReloadable(config(0));
    const port = portOf(running.gateway.addresses()[0]!);
    let isDone = false;
    const editions = new Set<string | undefined>();
    const load = async (): Promise<number> => {
      using client = new RawClient(port);
      for (let count = 0; ; count++) {
        const isLast = isDone;
        client.send(get);
        const answer = await client.answer();
        expect([answer.status, answer.body]).toEqual([200, 'ok']);
        editions.add(answer.header('x-edition'));
        if (isLast) return count;
      }
    };
    const clients = Array.from({ length: 4 }, load);
    const last = 5;
    for (let edition = 1; edition <= last; edition++) await running.edit(config(edition));
    isDone = true;
    for (const count of await Promise.all(clients)) expect(count).toBeGreaterThan(0);
    expect(editions).toContain(String(last));
  });

  test('edits in a burst end with the last one', async () => {
    await using running = await startReloadable(edited('0'));
    const port = portOf(running.gateway.addresses()[0]!);
    const edition = async (): Promise<string | undefined> =>
      (await ask(port, 'GET /v1/models HTTP/1.1')).header('x-edition');
    const edits = Array.from({ length: 20 }, (_, index) => running.edit(edited(String(index + 1))));
    await Promise.all(edits);
    while ((await edition()) !== '20');
    expect(running.gateway.store.current.generation).toBeLessThanOrEqual(21);
  });
});

/** The same with a model, which has state. */
const withModel = (edition: string, name = 'models'): object => ({
  gateways: [gatewayOf(http)],
  llmBackends: [
    { name, providers: [{ name: 'echo', echo: {} }], models: [{ name: 'm', targets: [{ provider: 'echo' }] }] },
  ],
  policies: [answersWith(edition)],
});

describe('state', () => {
  test('outlives edits of policies, and goes with its backend, not before the last request of it has ended', async () => {
    await using running = await startReloadable(withModel('1'));
    const { store, addresses } = running.gateway;
    const chat = async (): Promise<number> => {
      const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
      const head = `POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
      return (await ask(portOf(addresses()[0]!), head, body)).status;
    };
    expect(await chat()).toBe(200);
    const open = store.stateCount;
    expect(open).toBeGreaterThan(0);
    const target = store.current.backend('llmbackend/default/models');
    await running.edit(withModel('2'));
    expect([store.stateCount, store.current.backend('llmbackend/default/models')]).toEqual([open, target]);
    // As a request does that began before the edit.
    const { use } = store.current;
    use.enter();
    await running.edit(withModel('2', 'others'));
    expect(store.current.backend('llmbackend/default/models')).toBeUndefined();
    expect(store.stateCount).toBeGreaterThanOrEqual(open);
    use.leave();
    expect(await chat()).toBe(200);
    expect(store.stateCount).toBe(open);
  });

  test('a rotated secret is in force for the next request, and nothing is compiled for it', async () => {
    const seen: (string | undefined)[] = [];
    await using upstream = await startUpstream((request, response) => {
      seen.push(request.headers.authorization);
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            id: 'c',
            object: 'chat.completion',
            created: 1,
            model: 'm',
            choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'ok' } }],
          }),
        );
      });
    });
    const config = (key: string): object => ({
      gateways: [gatewayOf(http)],
      llmBackends: [
        {
          name: 'models',
          providers: [
            { name: 'p', openaiCompatible: { baseUrl: `http://127.0.0.1:${upstream.port}/v1` }, auth: { key } },
          ],
          models: [{ name: 'm', targets: [{ provider: 'p' }] }],
        },
      ],
    });
    await using running = await startReloadable(config('old-key'));
    const { store, addresses } = running.gateway;
    const chat = (): Promise<unknown> => {
      const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
      const head = `POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
      return ask(portOf(addresses()[0]!), head, body);
    };
    await chat();
    const parts = new Map([...store.held()].map(({ key, part }) => [key, part]));
    const { binds } = store.current;
    await running.edit(config('new-key'));
    await chat();
    expect(seen).toEqual(['Bearer old-key', 'Bearer new-key']);
    expect(store.current.binds).toBe(binds);
    const changed = [...store.held()]
      .filter(({ key, part }) => parts.get(key) !== part)
      .map(({ key }) => key.split('/')[0]);
    expect(changed).toEqual(['secret']);
    expect(running.messages.join()).not.toContain('-key');
  });
});

describe('a policy that cannot be applied', () => {
  test('closes what it targets, paths without a route too, until it can be', async () => {
    await using upstream = await startUpstream((_request, response) => response.end('ok'));
    const config = (allow: string): object => ({
      gateways: [gatewayOf(http, { name: 'other', port: 0 })],
      ...routeTo(upstream.port, { rule: { matches: [{ path: { value: '/here' } }] } }),
      policies: [
        {
          name: 'p',
          targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'g', sectionName: 'http' }],
          authorization: { rules: [{ allow }] },
        },
      ],
    });
    await using running = await startReloadable(config('nosuch.name == 1'));
    const answers = async (): Promise<string[]> => {
      const seen: string[] = [];
      for (const port of running.gateway.addresses().map(portOf))
        for (const path of ['/here', '/nowhere']) {
          const { status, body } = await ask(port, `GET ${path} HTTP/1.1`);
          seen.push(`${status} ${/policy-invalid|route-not-found|forbidden/.exec(body)?.[0] ?? body}`);
        }
      return seen.toSorted();
    };
    expect(await answers()).toEqual(['200 ok', '404 route-not-found', '500 policy-invalid', '500 policy-invalid']);
    expect(running.messages.join('\n')).toContain('unknown name "nosuch"');
    await running.edit(config('request.path == "/here"'));
    expect(await answers()).toEqual(['200 ok', '200 ok', '403 forbidden', '404 route-not-found']);
  });
});

describe('a broken edit', () => {
  test('leaves what runs, says path and line, is counted, and is shown, until a good one comes', async () => {
    await using upstream = await startUpstream((_request, response) => response.end('ok'));
    const config = { gateways: [gatewayOf(http)], ...routeTo(upstream.port) };
    await using running = await startReloadable(config);
    const port = portOf(running.gateway.addresses()[0]!);
    const { generation } = running.gateway.store.current;
    await running.edit('gateways:\n- name: g\n  listners: []\n', 'configuration refused');
    expect(running.messages.at(-1)).toContain(`${running.file}:3: gateways[0].listners`);
    expect((await ask(port, 'GET / HTTP/1.1')).body).toBe('ok');
    expect(running.gateway.store.current.generation).toBe(generation);
    expect(await running.admin('/metrics')).toMatch(/^agentgateway_config_refusals_total(\{.*\})? [1-9]/m);
    expect(JSON.parse(await running.admin('/status'))).toMatchObject({ refused: [{ line: 2 }, { line: 3 }] });
    const gone = running.logged('cannot be read');
    unlinkSync(running.file);
    await gone;
    expect((await ask(port, 'GET / HTTP/1.1')).body).toBe('ok');
    await running.edit(config);
    expect(JSON.parse(await running.admin('/status'))).toMatchObject({ refused: [] });
  });
});

describe('sockets', () => {
  test('listeners with port 0 have a socket each, which edits keep', async () => {
    await using running = await startReloadable(listening(http, { name: 'other', port: 0 }));
    const before = running.gateway.addresses().map(portOf);
    expect(new Set(before).size).toBe(2);
    for (const port of before) expect(await serves(port)).toBe(true);
    await running.edit(listening(http, { name: 'other', port: 0, hostname: 'other.test' }));
    expect(running.gateway.addresses().map(portOf)).toEqual(before);
    await running.edit(listening(http));
    const [port] = running.gateway.addresses().map(portOf);
    expect(before).toContain(port);
    expect(await refuses(before.find((one) => one !== port)!)).toBe(true);
  });

  test('a removed listener lets its requests finish and takes no more', async () => {
    const { promise: next, resolve: go } = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.write('first ');
      void next.then(() => response.end('last'));
    });
    const [kept, removed] = [await freePort(), await freePort()];
    const config = (...ports: number[]): object => ({
      gateways: [gatewayOf(...ports.map((port) => ({ name: `p${port}`, port })))],
      ...routeTo(upstream.port),
    });
    await using running = await startReloadable(config(kept, removed));
    using client = new RawClient(removed);
    client.send(get);
    await client.until((received) => received.includes('first'));
    await running.edit(config(kept));
    expect(await refuses(removed)).toBe(true);
    go();
    expect(await client.answer()).toMatchObject({ body: 'first last', isWhole: true });
    expect(running.gateway.addresses()).toEqual([`127.0.0.1:${kept}`]);
  });

  test('a listener that goes from one address to all and back keeps its port', async () => {
    const port = await freePort();
    const config = (value: string): object => ({
      gateways: [{ ...gatewayOf({ name: 'http', port }), addresses: [{ value }] }],
      ...echo,
    });
    await using running = await startReloadable(config('127.0.0.1'));
    for (const address of ['0.0.0.0', '127.0.0.1']) {
      await running.edit(config(address));
      expect(running.gateway.addresses()).toEqual([`${address}:${port}`]);
      expect(await serves(port)).toBe(true);
      expect(running.gateway.bindErrors().size).toBe(0);
    }
  });

  test('listeners of one port are told apart by host name', async () => {
    const port = await freePort();
    await using one = await startUpstream((_request, response) => response.end('one'));
    await using two = await startUpstream((_request, response) => response.end('two'));
    const [first, second] = [to('one', one.port), to('two', two.port)];
    await using _running = await startReloadable({
      gateways: [gatewayOf({ name: 'one', port, hostname: 'one.test' }, { name: 'two', port, hostname: '*.two.test' })],
      httpBackends: [...first.httpBackends, ...second.httpBackends],
      httpRoutes: [...first.httpRoutes, ...second.httpRoutes],
    });
    const from = async (host: string): Promise<string> => {
      using client = new RawClient(port);
      client.send(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
      const { status, body } = await client.answer();
      return status === 200 ? body : String(status);
    };
    expect([await from('one.test'), await from(`a.two.test:${port}`), await from('two.test')]).toEqual([
      'one',
      'two',
      '404',
    ]);
  });

  test('a port that is taken: the others are served, /status says why, and an edit tries again', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port: taken } = other.address() as { port: number };
    const config = (edition: string): object => ({
      gateways: [gatewayOf(http, { name: 'taken', port: taken })],
      ...echo,
      policies: [answersWith(edition)],
    });
    await using running = await startReloadable(config('1'));
    expect(running.gateway.readiness.waitingFor).toEqual([]);
    const [address] = running.gateway.addresses();
    expect(await serves(portOf(address!))).toBe(true);
    const programmed = async (): Promise<unknown> => {
      const { statuses } = JSON.parse(await running.admin('/status')) as {
        statuses: { kind: string; status: { listeners: { name: string; conditions: Record<string, unknown>[] }[] } }[];
      };
      const gateway = statuses.find(({ kind }) => kind === 'Gateway')!;
      const listener = gateway.status.listeners.find(({ name }) => name === 'taken')!;
      return listener.conditions.find(({ type }) => type === 'Programmed')?.['status'];
    };
    while ((await programmed()) !== 'False');
    expect(running.messages.join('\n')).toContain(`cannot listen on 127.0.0.1:${taken}`);
    expect(await running.admin('/status')).toContain('EADDRINUSE');
    other.close();
    await once(other, 'close');
    await running.edit(config('2'));
    expect(await serves(taken)).toBe(true);
    while ((await programmed()) !== 'True');
  });

  test('not ready before the first configuration, and not ready again while draining', async () => {
    const running = await startReloadable({ gateways: [gatewayOf(http)], ...echo });
    await using _running = running;
    expect(running.gateway.readiness.waitingFor).toEqual([]);
    const draining = running.gateway.drain(0);
    expect(running.gateway.readiness.waitingFor).toEqual(['draining']);
    await draining;
    expect(running.gateway.addresses()).toEqual([]);
  });
});
