// Hub request → Chat Completions request.
import type { RequestContext } from '../../hub/codec.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import type { HubRequest } from '../../hub/request.ts';
import { writeNode } from '../../hub/residue.ts';
import { fitModel } from '../openai-models.ts';
import type { ChatWriter } from './content.ts';
import { outputForm, requestForm } from './request-form.ts';
import { isLegacyTool, writeFunction, writeTool, writeToolChoice } from './tool.ts';
import { writeMessages } from './turn.ts';

/** Most stop sequences that the API takes. */
const stopMax = 4;

/** Encodes a request. Throws CodecError `unsupported` for what the format cannot ask. */
export function encodeChatRequest(request: HubRequest, context: RequestContext): JsonObject {
  const { note, dialectal, vendor } = context;
  const writer: ChatWriter = { isOwn: request.extra?.format === 'chat', vendor, dialectal, note };
  refuse(request, writer);
  const fitted = fitModel(request, context);
  const form = requestForm({ ...fitted, model: context.model }, writer);
  const body = writeNode(form, request.extra, { format: 'chat', path: '', note });
  body['messages'] = writeMessages(request.turns, writer);
  Object.assign(body, toolMembers(request, writer));
  // Without tools the API refuses to be told how to call them.
  if (!writer.isOwn && !request.tools?.length) delete body['parallel_tool_calls'];
  if (request.output) {
    const place = { format: 'chat', path: 'response_format', note } as const;
    body['response_format'] = writeNode(outputForm(request.output), request.output.extra, place);
  }
  askForUsage(body, request, context);
  for (const name of dialectal.dropParameters) {
    if (body[name] === undefined) continue;
    delete body[name];
    note({ path: name, message: 'left out: the provider does not take it' });
  }
  return body;
}

function refuse(request: HubRequest, writer: ChatWriter): void {
  if (writer.isOwn) return;
  if (request.previousId !== undefined)
    throw new CodecError(
      'unsupported',
      'previous_response_id',
      'the provider of this model keeps no conversations: send the whole history',
    );
  if (request.stop && request.stop.length > stopMax)
    throw new CodecError('unsupported', 'stop_sequences', `the target takes ${stopMax} stop sequences at most`);
}

function toolMembers(request: HubRequest, writer: ChatWriter): JsonObject {
  const { tools = [], toolChoice } = request;
  const legacy = tools.filter(isLegacyTool);
  const current = tools.filter((tool) => !isLegacyTool(tool));
  return {
    ...(current.length > 0 && { tools: current.map((tool) => writeTool(tool, writer)) }),
    ...(legacy.length > 0 && { functions: legacy.map((tool) => writeFunction(tool, writer)) }),
    ...(toolChoice && (writer.isOwn || tools.length > 0) && writeToolChoice(toolChoice, writer)),
  };
}

/** Usage of a stream is always asked for; the client sees it only if it asked itself. */
function askForUsage(body: JsonObject, request: HubRequest, { dialectal }: RequestContext): void {
  if (!request.stream) return;
  if (!dialectal.hasStreamOptions) {
    delete body['stream_options'];
    return;
  }
  body['stream_options'] = { ...(body['stream_options'] as JsonObject | undefined), include_usage: true };
}
