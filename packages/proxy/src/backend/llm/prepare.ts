// One attempt's request in the provider's words: the client's own bytes where formats agree, else rebuilt through the hub.
import type { FormatName } from '@agentgateway/llm/format.ts';
import { setMember, setNestedMember } from '@agentgateway/llm/json-edit.ts';
import type { Ask } from './ask.ts';
import type { Provider } from './profile.ts';

/** What is sent. */
export interface Prepared {
  readonly format: FormatName;
  /** Whether the provider speaks the client's format, so that bytes pass. */
  readonly isSame: boolean;
  /** Path below the provider's base URL. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether the gateway asked for a usage chunk that the client did not. */
  readonly hidesUsage: boolean;
}

const paths: Readonly<Record<FormatName, string>> = {
  chat: '/chat/completions',
  responses: '/responses',
  messages: '/messages',
};

/** The client's bytes with the provider's model name, and usage asked for where a stream would not tell it. */
export function prepareSame(ask: Ask, provider: Provider, model: string): Prepared {
  let bytes = ask.model === model ? ask.bytes : setMember(ask.bytes, 'model', model);
  const hidesUsage = ask.format === 'chat' && ask.isStreaming && !ask.wantsUsage && provider.dialectal.hasStreamOptions;
  if (hidesUsage) bytes = setNestedMember(bytes, 'stream_options', 'include_usage', true);
  const path = ask.isCount ? '/messages/count_tokens' : paths[ask.format];
  return { format: ask.format, isSame: true, path, bytes, hidesUsage };
}
