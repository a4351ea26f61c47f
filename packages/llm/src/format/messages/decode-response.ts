// Anthropic Messages answers to the hub.
import type { JsonObject } from '../../hub/extra.ts';
import { restOf } from '../../hub/notes.ts';
import type { HubResponse } from '../../hub/response.ts';
import { decodeContent } from './decode-block.ts';
import { usageRest } from './encode-usage.ts';
import { demandString, own } from './own.ts';
import { decodeStop } from './stop.ts';
import { messagesUsage } from './usage.ts';

/** Decodes an answer. Throws CodecError `invalid`. */
export function decodeMessagesResponse(body: JsonObject): HubResponse {
  const { stop, rest } = decodeStop(body);
  const usage = messagesUsage(body);
  const fields = restOf(body, [
    'id',
    'model',
    'content',
    'stop_reason',
    'stop_sequence',
    'stop_details',
    'usage',
    'type',
    'role',
  ]);
  const beyond = usageRest(body['usage'], usage);
  if (Object.keys(beyond).length > 0) fields['usage'] = beyond;
  return {
    id: demandString(body, 'id', ''),
    model: demandString(body, 'model', ''),
    choices: [{ parts: decodeContent(body['content'] ?? [], 'content'), ...(stop && { stop }), extra: own(rest) }],
    ...(usage && { usage }),
    extra: own(fields),
  };
}
