// What the client called a member of its request: notes speak in the words of the format it wrote.
import type { FormatName } from '../../format.ts';
import type { HubRequest } from '../../hub/request.ts';

const paths = {
  effort: { chat: 'reasoning_effort', responses: 'reasoning.effort', messages: 'thinking' },
  output: { chat: 'response_format', responses: 'text.format', messages: 'output_config.format' },
  limit: { chat: 'max_completion_tokens', responses: 'max_output_tokens', messages: 'max_tokens' },
  verbosity: { chat: 'verbosity', responses: 'text.verbosity', messages: 'verbosity' },
  logprobs: { chat: 'logprobs', responses: 'top_logprobs', messages: 'logprobs' },
  stop: { chat: 'stop', responses: 'stop', messages: 'stop_sequences' },
  user: { chat: 'user', responses: 'user', messages: 'metadata.user_id' },
} as const satisfies Record<string, { readonly [F in FormatName]: string }>;

/** The path of a member in the client's words; Chat's where the request does not say what it was. */
export function sourcePath(request: HubRequest, member: keyof typeof paths): string {
  return paths[member][request.extra?.format ?? 'chat'];
}
