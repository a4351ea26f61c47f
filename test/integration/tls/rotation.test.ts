// Certificates that are renewed, listeners that go and gateways that end, all under open connections of TLS.
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import type { TestCertificate } from '../../kit/certificate.ts';
import { freePort, startTestGateway } from '../../kit/gateway.ts';
import { startUpstream } from '../../kit/http.ts';
import { gateway, httpRoute, ref, service } from '../gateway-api/kit.ts';
import {
  askHttp2,
  askTls,
  authority,
  certificateSecret,
  commonNameOf,
  describeTls,
  dialHttp2,
  dialTls,
  https,
  portOf,
  startTls,
  tryTls,
} from './kit.ts';

const issue = (name: string): TestCertificate => authority.issue(name, { names: ['a.test'] });
const toEcho = httpRoute('r', { rules: [{ backendRefs: [ref('echo')] }] });

/** A backend whose `/slow` says half, and the rest when it is told to. */
async function startSlow(): Promise<{ readonly text: string; finish(): void }> {
  let slow: ServerResponse | undefined;
  const upstream = await startUpstream((request, response) => {
    if (request.url !== '/slow') {
      response.end('ok');
      return;
    }
    slow = response;
    response.writeHead(200, { 'content-length': 8 });
    response.write('half');
  });
  onTestFinished(() => upstream[Symbol.asyncDispose]());
  return { text: toEcho + service('echo', upstream.port), finish: () => void slow!.end('rest') };
}

/** A connection whose download has begun. */
async function download(port: number): Promise<{ readonly socket: TLSSocket; rest(): Promise<string> }> {
  const socket = await dialTls(port, 'a.test');
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
  socket.write('GET /slow HTTP/1.1\r\nhost: a.test\r\n\r\n');
  while (!received.endsWith('half')) await once(socket, 'data');
  return {
    socket,
    async rest() {
      while (!received.endsWith('rest') && !socket.destroyed)
        await Promise.race([once(socket, 'data'), once(socket, 'close')]);
      return received.slice(-8);
    },
  };
}

/** Asks again on a connection that is kept. */
async function askAgain(socket: TLSSocket): Promise<string> {
  const answered = once(socket, 'data');
  socket.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
  return String((await answered)[0]).slice(0, 15);
}

describeTls('a certificate is renewed', () => {
  test('in a Secret: new handshakes show it; kept connections, sessions and downloads go on', async () => {
    const slow = await startSlow();
    const text = gateway([https(['own'])]) + slow.text;
    const api = await startTls(text, certificateSecret('own', issue('first')));
    const port = portOf(api);
    const kept = await dialTls(port, 'a.test');
    expect(await askAgain(kept)).toBe('HTTP/1.1 200 OK');
    const session = await dialHttp2(port, 'a.test');
    expect((await askHttp2(session, 'a.test')).status).toBe(200);
    const running = await download(port);
    await api.edit(text, certificateSecret('own', issue('second')));
    expect((await askTls(port, 'a.test')).shown).toBe('second');
    expect(commonNameOf(kept)).toBe('first');
    expect(await askAgain(kept)).toBe('HTTP/1.1 200 OK');
    expect((await askHttp2(session, 'a.test')).status).toBe(200);
    slow.finish();
    expect(await running.rest()).toBe('halfrest');
    expect(await askAgain(running.socket)).toBe('HTTP/1.1 200 OK');
  });

  test('in files: a pair that does not fit keeps the old one and is told; once both fit they are taken over', async () => {
    const slow = await startSlow();
    const folder = mkdtempSync(join(tmpdir(), 'agentgateway-tls-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const write = (file: string, text: string): void => {
      writeFileSync(join(folder, `.${file}`), text);
      renameSync(join(folder, `.${file}`), join(folder, file));
    };
    const [first, second] = [issue('first'), issue('second')];
    write('tls.crt', first.cert);
    write('tls.key', first.key);
    const files = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
    const listener = `{ name: https, port: PORT, tls: ${JSON.stringify(files)} }`;
    await using api = await startTestGateway(`gateways:\n- { name: g, listeners: [${listener}] }\n${slow.text}`);
    expect((await askTls(portOf(api), 'a.test')).shown).toBe('first');
    write('tls.crt', second.cert);
    await expect.poll(() => api.messages.join('\n'), { timeout: 10_000 }).toMatch(/certificate|key/);
    expect((await askTls(portOf(api), 'a.test')).shown).toBe('first');
    write('tls.key', second.key);
    await expect.poll(async () => (await askTls(portOf(api), 'a.test')).shown, { timeout: 10_000 }).toBe('second');
  });
});

describeTls('the end of connections', () => {
  test('a listener that is removed accepts nobody, and lets a download finish', async () => {
    const slow = await startSlow();
    const secret = certificateSecret('own', issue('own'));
    const other = { name: 'other', port: await freePort() };
    const api = await startTls(gateway([https(['own']), other]), slow.text, secret);
    const port = portOf(api);
    const running = await download(port);
    const idle = await dialTls(port, 'a.test');
    expect(await askAgain(idle)).toBe('HTTP/1.1 200 OK');
    const closed = once(idle, 'close');
    await api.edit(gateway([other]), slow.text, secret);
    await expect.poll(() => tryTls(port, 'a.test'), { timeout: 10_000 }).toBe('ECONNREFUSED');
    await closed;
    slow.finish();
    expect(await running.rest()).toBe('halfrest');
  });

  test('a gateway that ends closes idle connections, breaks off handshakes, and lets downloads finish', async () => {
    const slow = await startSlow();
    const api = await startTls(gateway([https(['own'])]), slow.text, certificateSecret('own', issue('own')));
    const running = await download(portOf(api));
    const idle = await dialTls(portOf(api), 'a.test');
    expect(await askAgain(idle)).toBe('HTTP/1.1 200 OK');
    const session = await dialHttp2(portOf(api), 'a.test');
    expect((await askHttp2(session, 'a.test')).status).toBe(200);
    const closed = Promise.all([once(idle, 'close'), once(session, 'close')]);
    const drained = api.gateway.drain(10_000);
    await closed;
    slow.finish();
    expect(await running.rest()).toBe('halfrest');
    await drained;
  });

  test('a download that does not end by the deadline is broken', async () => {
    const slow = await startSlow();
    const api = await startTls(gateway([https(['own'])]), slow.text, certificateSecret('own', issue('own')));
    const running = await download(portOf(api));
    await api.gateway.drain(50);
    expect(await running.rest()).not.toBe('halfrest');
  });
});
