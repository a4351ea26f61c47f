// Responses answer → hub.
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { readArray, readMember, toObject } from '../../hub/read.ts';
import { takeResidue } from '../../hub/residue.ts';
import type { Choice, HubResponse } from '../../hub/response.ts';
import { decodeItem } from './item.ts';
import { hasCalls, responseForm } from './response-form.ts';
import { toStop } from './stop.ts';
import { responsesUsage } from './usage.ts';

/** Decodes an answer. Throws CodecError `invalid`. */
export function decodeResponsesResponse(body: JsonObject): HubResponse {
  const output = readArray(body, 'output');
  if (!output) throw new CodecError('invalid', 'output', 'required: the list of output items is missing');
  const parts = output.flatMap((item, index) => {
    const path = `output[${index}]`;
    return decodeItem(toObject(item, path), path);
  });
  const choice: Choice = { parts };
  const stop = toStop(body, hasCalls(choice));
  if (stop) choice.stop = stop;
  const created = readMember(body, 'created_at', 'number');
  const usage = responsesUsage(body);
  const tier = readMember(body, 'service_tier', 'string');
  const response: HubResponse = {
    id: readMember(body, 'id', 'string') ?? '',
    model: readMember(body, 'model', 'string') ?? '',
    ...(created !== undefined && { createdSeconds: created }),
    choices: [choice],
    ...(usage && { usage }),
    ...(tier !== undefined && { serviceTier: tier }),
  };
  const { output: _output, ...left } = body;
  response.extra = takeResidue('responses', left, responseForm(response)) ?? { format: 'responses', fields: {} };
  return response;
}
