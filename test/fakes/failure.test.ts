// The fakes fail on demand, in each way exactly as told, over HTTP/1.1 and HTTP/2.
import { request as requestHttp1, type IncomingHttpHeaders } from 'node:http';
import { connect, constants } from 'node:http2';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { splitEvents } from '../recordings/recordings.ts';
import type { ProviderKind } from './answer.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

interface Received {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The pieces in which the body came. */
  readonly pieces: number;
  /** What broke it. */
  readonly error: NodeJS.ErrnoException | undefined;
}

const bodies = {
  chat: { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }] },
  responses: { model: 'gpt-4o', input: 'hi' },
  messages: { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
};

const paths = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' };

type Format = keyof typeof bodies;

const formats: readonly [Format, ProviderKind, string][] = [
  ['chat', 'openai', 'data: [DONE]'],
  ['responses', 'openai', 'event: response.completed'],
  ['messages', 'anthropic', 'event: message_stop'],
];

interface Asked {
  readonly format?: Format;
  readonly isStream?: boolean;
  readonly headers?: Record<string, string>;
}

/** Sends a request and takes what comes, also where it breaks. */
function ask(
  provider: FakeProvider,
  { format = 'chat', isStream = true, headers = {} }: Asked = {},
): Promise<Received> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let status: number | undefined;
    let head: IncomingHttpHeaders = {};
    const done = (error?: NodeJS.ErrnoException): void =>
      resolve({ status, headers: head, body: Buffer.concat(chunks), pieces: chunks.length, error });
    const request = requestHttp1(
      `${provider.url}${paths[format]}`,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: 'Bearer any',
          'anthropic-version': '2023-06-01',
          ...headers,
        },
      },
      (response) => {
        status = response.statusCode;
        head = response.headers;
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', done);
        response.on('end', () => done());
      },
    );
    request.on('error', done);
    request.end(JSON.stringify({ ...bodies[format], stream: isStream }));
  });
}

/** The parsed data of a stream's events, and their order of types. */
function readData(body: Buffer): unknown[] {
  return splitEvents(body.toString()).map((event) => {
    const [, data = ''] = /^data: (.*)$/mu.exec(event) ?? [];
    return data.startsWith('{') ? (JSON.parse(data) as unknown) : data;
  });
}

/** A body without the ids that differ from answer to answer. */
function strip(body: Buffer): string {
  return body.toString().replaceAll(/fake\d{8}/gu, 'ID');
}

describe.each(formats)('%s', (format, kind, terminal) => {
  test('a status of its own accord, as often as told, with headers and body', async () => {
    await using provider = await startFakeProvider({ kind });
    provider.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '7' } }, 2);
    provider.failNext({ kind: 'status', status: 503, body: { odd: true } });
    for (let turn = 0; turn < 2; turn += 1) {
      const limited = await ask(provider, { format });
      expect(limited).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
      expect(JSON.parse(limited.body.toString())).toMatchObject({ error: { message: expect.any(String) as string } });
    }
    expect(JSON.parse((await ask(provider, { format })).body.toString())).toEqual({ odd: true });
    expect((await ask(provider, { format })).status).toBe(200);
    expect(provider.requests.map(({ status }) => status)).toEqual([429, 429, 503, 200]);
  });

  test('a reset before the head, and after so many bytes', async () => {
    await using provider = await startFakeProvider({ kind });
    provider.failNext({ kind: 'reset-before-head' });
    expect(await ask(provider, { format })).toMatchObject({ status: undefined, error: { code: 'ECONNRESET' } });
    provider.failNext({ kind: 'reset-mid-stream', afterBytes: 100 });
    const broken = await ask(provider, { format });
    expect(broken).toMatchObject({ status: 200, error: { code: 'ECONNRESET' } });
    expect(broken.body).toHaveLength(100);
    expect(provider.requests.map(({ isAborted }) => isAborted)).toEqual([false, false]);
  });

  test('bytes that are no such format', async () => {
    await using provider = await startFakeProvider({ kind });
    provider.failNext({ kind: 'garbage' }, 2);
    const whole = await ask(provider, { format, isStream: false });
    expect(whole).toMatchObject({ status: 200, error: undefined });
    expect(whole.body.toString()).toContain('<html>');
    const stream = await ask(provider, { format });
    expect(splitEvents(stream.body.toString())[1]).toBe('data: <html>502 Bad Gateway</html>\n\n');
    expect(stream.body.toString()).toContain(terminal);
  });

  test('every byte alone, and compressed: the same bytes in the end', async () => {
    await using provider = await startFakeProvider({ kind, script: () => ({ text: 'Łódź 🌧' }) });
    const plain = strip((await ask(provider, { format })).body);
    provider.failNext({ kind: 'split', sizes: [1] });
    const split = await ask(provider, { format });
    expect(strip(split.body)).toBe(plain);
    expect(split.pieces).toBeGreaterThan(20);
    provider.failNext({ kind: 'split', sizes: [3, 50] });
    expect(strip((await ask(provider, { format, isStream: false })).body)).toContain('Łódź 🌧');
    provider.failNext({ kind: 'gzip', when: 'always' });
    provider.failNext({ kind: 'gzip', when: 'asked' }, 2);
    const zipped = await ask(provider, { format });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(strip(gunzipSync(zipped.body))).toBe(plain);
    expect(strip((await ask(provider, { format })).body)).toBe(plain);
    const asked = await ask(provider, { format, isStream: false, headers: { 'accept-encoding': 'gzip, br' } });
    expect(asked.headers['content-encoding']).toBe('gzip');
    expect(strip(gunzipSync(asked.body))).toContain('Łódź 🌧');
  });

  test('an end without its end: an error event, or nothing', async () => {
    await using provider = await startFakeProvider({ kind });
    provider.failNext({ kind: 'error-event', afterEvents: 3, message: 'It broke.' });
    const failed = await ask(provider, { format });
    expect(failed.error).toBeUndefined();
    expect(failed.body.toString()).not.toContain(terminal);
    const told = readData(failed.body).slice(3);
    if (format === 'chat') expect(told).toMatchObject([{ error: { message: 'It broke.' } }]);
    if (format === 'messages')
      expect(told).toMatchObject([{ type: 'error', error: { type: 'overloaded_error', message: 'It broke.' } }]);
    if (format === 'responses') {
      expect(told).toMatchObject([
        { type: 'error', message: 'It broke.', sequence_number: 3 },
        {
          type: 'response.failed',
          sequence_number: 4,
          response: { status: 'failed', id: expect.stringMatching(/^resp_/u) as string },
        },
      ]);
    }
    provider.failNext({ kind: 'truncate' });
    provider.failNext({ kind: 'truncate', afterEvents: 2 });
    provider.failNext({ kind: 'truncate' });
    const [cut, early, half] = [
      await ask(provider, { format }),
      await ask(provider, { format }),
      await ask(provider, { format, isStream: false }),
    ];
    expect([cut.error, early.error, half.error]).toEqual([undefined, undefined, undefined]);
    expect(cut.body.toString()).not.toContain(terminal);
    expect(splitEvents(early.body.toString())).toHaveLength(2);
    expect(() => JSON.parse(half.body.toString()) as unknown).toThrow();
  });

  test('silence, before the head and within the stream, until the client leaves', async () => {
    await using provider = await startFakeProvider({ kind });
    for (const afterEvents of [undefined, 2]) {
      provider.failNext(afterEvents === undefined ? { kind: 'stall' } : { kind: 'stall', afterEvents });
      const leaving = new AbortController();
      const answer = fetch(`${provider.url}${paths[format]}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer any', 'anthropic-version': '2023-06-01' },
        body: JSON.stringify({ ...bodies[format], stream: true }),
        signal: leaving.signal,
      });
      if (afterEvents === undefined) await provider.waitForRequests();
      else {
        const reader = (await answer).body?.getReader();
        let text = '';
        while (splitEvents(text).length < afterEvents)
          text += Buffer.from((await reader?.read())?.value ?? []).toString();
        expect(splitEvents(text)).toHaveLength(afterEvents);
      }
      leaving.abort();
      await Promise.allSettled([answer]);
      await provider.waitForAbort();
    }
    await expect.poll(() => provider.requests.map(({ isAborted }) => isAborted)).toEqual([true, true]);
  });
});

test('a gate lets a test say when each event goes', async () => {
  await using provider = await startFakeProvider({ kind: 'openai', script: () => ({ text: 'abcdef', chunkChars: 2 }) });
  const gate = provider.hold();
  const response = await fetch(`${provider.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer any' },
    body: JSON.stringify({ ...bodies.chat, stream: true }),
  });
  await gate.reached(1);
  const reader = response.body?.getReader();
  const seen: string[] = [];
  for (let index = 1; index <= 3; index += 1) {
    gate.release();
    await gate.reached(index + 1);
    seen.push(Buffer.from((await reader?.read())?.value ?? []).toString());
  }
  expect(seen.map((event) => /"content":"([^"]*)"/u.exec(event)?.[1])).toEqual(['', 'ab', 'cd']);
  gate.open();
  let rest = '';
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
    rest += Buffer.from(read.value).toString();
  expect(rest).toContain('"ef"');
  expect(rest.endsWith('data: [DONE]\n\n')).toBe(true);
});

test('closing ends what is held, silent or open', async () => {
  const provider = await startFakeProvider({ kind: 'openai' });
  provider.failNext({ kind: 'stall' });
  const silent = ask(provider);
  await provider.waitForRequests();
  const gate = provider.hold();
  const held = ask(provider);
  await gate.reached(1);
  await provider.close();
  expect((await silent).error).toBeDefined();
  expect((await held).error).toBeDefined();
  await expect(fetch(provider.url)).rejects.toThrow();
});

test('records what arrived as it arrived', async () => {
  await using provider = await startFakeProvider({ kind: 'openai' });
  await ask(provider, { headers: { 'X-Odd-Case': 'Yes' } });
  const [received] = provider.requests;
  expect(received).toMatchObject({
    method: 'POST',
    path: '/v1/chat/completions',
    status: 200,
    json: { model: 'gpt-4o' },
  });
  expect(received?.headers).toContain('X-Odd-Case');
  expect(received?.header('x-odd-case')).toBe('Yes');
  expect(received?.bodyText).toBe(JSON.stringify({ ...bodies.chat, stream: true }));
  expect(provider.connectionCount()).toBe(1);
});

function askHttp2(provider: FakeProvider): Promise<{ status: number | undefined; body: string; code: number }> {
  return new Promise((resolve, reject) => {
    const session = connect(provider.url);
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/v1/chat/completions',
      'content-type': 'application/json',
      authorization: 'Bearer any',
    });
    let status: number | undefined;
    let body = '';
    stream.on('response', (headers) => {
      status = headers[':status'];
    });
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      session.close();
      resolve({ status, body, code: stream.rstCode });
    });
    stream.end(JSON.stringify({ ...bodies.chat, stream: true }));
  });
}

describe('HTTP/2 without TLS', () => {
  test('streams, and breaks a stream', async () => {
    await using provider = await startFakeProvider({ kind: 'openai', protocol: 'h2c' });
    const whole = await askHttp2(provider);
    expect(whole).toMatchObject({ status: 200, code: constants.NGHTTP2_NO_ERROR });
    expect(whole.body.endsWith('data: [DONE]\n\n')).toBe(true);
    provider.failNext({ kind: 'reset-mid-stream', afterBytes: 100 });
    const broken = await askHttp2(provider);
    expect(broken).toMatchObject({ status: 200, code: constants.NGHTTP2_INTERNAL_ERROR });
    provider.failNext({ kind: 'reset-before-head' });
    expect(await askHttp2(provider)).toMatchObject({ status: undefined, code: constants.NGHTTP2_INTERNAL_ERROR });
    expect(provider.requests[0]).toMatchObject({ method: 'POST', path: '/v1/chat/completions', status: 200 });
  });
});
