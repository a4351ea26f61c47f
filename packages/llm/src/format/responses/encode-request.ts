// Hub request → Responses request.
import type { RequestContext } from '../../hub/codec.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import type { HubRequest } from '../../hub/request.ts';
import { hasToken, writeNode } from '../../hub/residue.ts';
import { fitModel, isThinking } from '../openai-models.ts';
import type { ResponsesWriter } from './content.ts';
import { requestForm } from './request-form.ts';
import { writeTool } from './tool.ts';
import { writeTurns } from './turn.ts';

/** Encodes a request. Throws CodecError `unsupported` for what the format cannot ask. */
export function encodeResponsesRequest(request: HubRequest, context: RequestContext): JsonObject {
  const { note, dialectal, vendor, model } = context;
  const writer: ResponsesWriter = { isOwn: request.extra?.format === 'responses', vendor, note };
  if (!writer.isOwn) refuse(request);
  const sent = { ...fitModel(request, context), model };
  if (!writer.isOwn && !request.tools?.length) {
    delete sent.toolChoice;
    delete sent.parallelToolCalls;
  }
  const place = { format: 'responses', path: '', note } as const;
  const body = writeNode(requestForm(sent, writer), request.extra, place);
  const { input, instructions } = writeTurns(request.turns, writer);
  if (instructions !== undefined) body['instructions'] = instructions;
  const isEmpty = Array.isArray(input) && input.length === 0;
  const isToldOtherwise = Object.hasOwn(body, 'input') || hasToken(request.extra, 'responses', 'input:none');
  if (!isEmpty || !isToldOtherwise) body['input'] = input;
  if (request.tools?.length) body['tools'] = request.tools.map((tool) => writeTool(tool, writer));
  const include = writer.isOwn ? [] : included(request, model);
  if (include.length > 0) body['include'] = include;
  for (const name of dialectal.dropParameters) {
    if (body[name] === undefined) continue;
    delete body[name];
    note({ path: name, message: 'left out: the provider does not take it' });
  }
  return body;
}

/** What a client of another format needs of an answer: thoughts that can be given back, and probabilities it asked for. */
function included({ logprobs }: HubRequest, model: string): string[] {
  return [
    ...(isThinking(model) ? ['reasoning.encrypted_content'] : []),
    ...(logprobs === undefined ? [] : ['message.output_text.logprobs']),
  ];
}

function refuse(request: HubRequest): void {
  if (request.count !== undefined && request.count > 1)
    throw new CodecError('unsupported', 'n', "the model's provider speaks Responses, which gives one answer");
  if (request.stop && request.stop.length > 0)
    throw new CodecError('unsupported', 'stop', "the model's provider speaks Responses, which has no stop sequences");
  if (request.previousId !== undefined)
    throw new CodecError('unsupported', 'previous_response_id', 'send the whole history');
}
