// Posts to a fake as a plain client, for the tests of what it refuses.
import { readString } from './json.ts';
import type { FakeProvider } from './provider.ts';

type Json = Record<string, unknown>;

/** The keys of the fakes in these tests. */
export const testKeys = { openai: 'sk-right', anthropic: 'sk-ant-right' };

/** What came back; `message` is its error's. */
export interface Posted {
  readonly status: number;
  readonly answer: Json & { readonly error?: Json };
  readonly message: string;
}

/** Posts a body, as JSON unless it is text, with the right key and version unless `headers` say otherwise. */
export async function post(
  provider: FakeProvider,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Posted> {
  const vendor: Record<string, string> =
    provider.kind === 'anthropic'
      ? { 'x-api-key': testKeys.anthropic, 'anthropic-version': '2023-06-01' }
      : { authorization: `Bearer ${testKeys.openai}` };
  const response = await fetch(`${provider.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...vendor, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as Posted['answer'];
  return { status: response.status, answer, message: readString(answer.error ?? {}, 'message') };
}
