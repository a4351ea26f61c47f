// The fakes hold against reality: they accept what the vendors accepted and refuse what the vendors refused, as recorded.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRecordingsOrSkips, loadRecordings, toBytes, toJson, type Recording } from '../recordings/recordings.ts';
import type { ProviderKind } from './answer.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

/** What the fakes judge unlike the vendor, by the recording's name, and why. A name that no longer belongs there fails the test: the list may only shrink. */
const exceptions = JSON.parse(readFileSync(new URL('accepted-exceptions.json', import.meta.url), 'utf8')) as {
  readonly refusedThoughAccepted: Readonly<Record<string, string>>;
  readonly acceptedThoughRefused: Readonly<Record<string, string>>;
};

const providers: Partial<Record<ProviderKind, FakeProvider>> = {};

beforeAll(async () => {
  for (const kind of ['openai', 'anthropic', 'openai-compatible'] as const)
    providers[kind] = await startFakeProvider({ kind });
});

afterAll(async () => {
  for (const provider of Object.values(providers)) await provider.close();
});

function kindOf({ provider }: Recording): ProviderKind {
  return provider === 'openai' || provider === 'anthropic' ? provider : 'openai-compatible';
}

/** Exchanges of the APIs that the fakes speak. */
function listRecorded(outcome: 'ok' | 'refused'): Recording[] {
  return loadRecordings({ outcome }).filter((recording) => {
    const { api, format, provider, request } = recording;
    if (format !== undefined) return true;
    if (request.method === 'POST' && (api === 'count-tokens' || api === 'embeddings')) {
      return ['openai', 'anthropic', 'voyage'].includes(provider);
    }
    return api === 'responses' || (api === 'models' && provider === 'cerebras');
  });
}

async function send(recording: Recording): Promise<Response> {
  const { request } = recording;
  const provider = providers[kindOf(recording)];
  const vendor = kindOf(recording) === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {};
  return fetch(`${String(provider?.url)}${request.path}`, {
    method: request.method,
    headers: { ...request.headers, ...vendor, authorization: 'Bearer any' },
    ...(request.body.kind === 'none' ? {} : { body: Buffer.from(toBytes(request.body)) }),
  });
}

describe.runIf(hasRecordingsOrSkips('the fakes against the recorded requests'))('recorded requests', () => {
  test('answered 2xx are accepted, apart from the listed', async () => {
    const refused: Record<string, string> = {};
    const recordings = listRecorded('ok');
    expect(recordings.length).toBeGreaterThan(430);
    for (const recording of recordings) {
      const answer = await send(recording);
      const text = await answer.text();
      if (!answer.ok) refused[recording.name] = text;
    }
    const unlisted = Object.entries(refused).filter(([name]) => !(name in exceptions.refusedThoughAccepted));
    expect(unlisted).toEqual([]);
    expect(Object.keys(exceptions.refusedThoughAccepted).filter((name) => !(name in refused))).toEqual([]);
  });

  test('that were refused are refused, apart from the listed; where it was OpenAI, with its status, code and parameter', async () => {
    const accepted: string[] = [];
    const recordings = listRecorded('refused');
    expect(recordings.length).toBeGreaterThan(10);
    for (const recording of recordings) {
      const { name, response } = recording;
      const answer = await send(recording);
      const body = (await answer.json()) as { error: unknown };
      if (answer.ok) accepted.push(name);
      else if (recording.provider === 'openai') {
        expect([name, answer.status]).toEqual([name, response.status]);
        const { code, param, type } = (toJson(response.body) as { error: Record<string, unknown> }).error;
        expect([name, body.error]).toMatchObject([name, { code, param, type }]);
      }
    }
    expect(accepted.sort()).toEqual(Object.keys(exceptions.acceptedThoughRefused).sort());
  });

  test('each exception has a reason', () => {
    const reasons = Object.values(exceptions).flatMap((list) => Object.values(list));
    expect(reasons.every((reason) => reason.length > 20)).toBe(true);
  });

  test('a replayed answer is the recorded one, byte by byte', async () => {
    await using provider = await startFakeProvider({ kind: 'openai-compatible', isLenient: true });
    await using anthropic = await startFakeProvider({ kind: 'anthropic', isLenient: true });
    for (const recording of loadRecordings({ isStream: true, outcome: 'ok' })) {
      const { format, request, response } = recording;
      if (format === undefined) continue;
      const { url, replay } = format === 'messages' ? anthropic : provider;
      replay(recording);
      const answer = await fetch(`${url}${request.path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer any', 'anthropic-version': '2023-06-01' },
        body: Buffer.from(toBytes(request.body)),
      });
      expect(answer.headers.get('content-type')).toBe(response.headers['content-type']);
      expect(Buffer.from(await answer.arrayBuffer()).equals(toBytes(response.body))).toBe(true);
    }
  });
});
