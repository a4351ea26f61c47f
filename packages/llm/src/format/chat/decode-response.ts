// Chat Completions answer → hub.
import { plainDialect, type Dialectal } from '../../hub/codec.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { CodecError } from '../../hub/extra.ts';
import { readArray, readMember, readObject, toObject } from '../../hub/read.ts';
import { takeResidue } from '../../hub/residue.ts';
import type { Choice, HubResponse } from '../../hub/response.ts';
import type { Usage } from '../../usage.ts';
import { decodeAssistant } from './assistant.ts';
import { selfWriter } from './decode-request.ts';
import { cachedToken, choiceForm, outsideToken, responseForm } from './response-form.ts';
import { toStop } from './stop.ts';
import { cachedMember, chatUsage } from './usage.ts';

/** Decodes an answer. Throws CodecError `invalid`. */
export function decodeChatResponse(body: JsonObject, dialectal: Dialectal = plainDialect): HubResponse {
  const choices = readArray(body, 'choices');
  if (!choices) throw new CodecError('invalid', 'choices', 'required: the list of choices is missing');
  const created = readMember(body, 'created', 'number');
  const usage = toOwnTotals(chatUsage(body), dialectal);
  const tier = readMember(body, 'service_tier', 'string');
  const response: HubResponse = {
    id: readMember(body, 'id', 'string') ?? '',
    model: readMember(body, 'model', 'string') ?? '',
    ...(created !== undefined && { createdSeconds: created }),
    choices: choices.map(decodeChoice),
    ...(usage && { usage }),
    ...(tier !== undefined && { serviceTier: tier }),
  };
  const cached = cachedMember(readObject(body, 'usage') ?? {});
  const tokens = [
    ...(dialectal.isReasoningOutsideCompletion ? [outsideToken] : []),
    ...(cached === undefined ? [] : [cachedToken + cached]),
  ];
  response.extra = { format: 'chat', fields: {}, ...(tokens.length > 0 && { shape: tokens.join(' ') }) };
  const { choices: _choices, ...left } = body;
  response.extra = takeResidue('chat', left, responseForm(response, true), tokens) ?? { format: 'chat', fields: {} };
  return response;
}

/** Some vendors count reasoning beside the completion; the hub's total includes it. */
export function toOwnTotals(usage: Usage | undefined, dialectal: Dialectal): Usage | undefined {
  if (!usage || !dialectal.isReasoningOutsideCompletion || usage.outputTotal === undefined) return usage;
  return { ...usage, outputTotal: usage.outputTotal + (usage.outputReasoning ?? 0) };
}

function decodeChoice(value: unknown, index: number): Choice {
  const path = `choices[${index}]`;
  const raw = toObject(value, path);
  const message = readObject(raw, 'message', path) ?? {};
  const { parts, tokens } = decodeAssistant(message, `${path}.message`, selfWriter);
  const finish = readMember(raw, 'finish_reason', 'string', path);
  const hasCalls = parts.some((part) => part.type === 'toolCall');
  const choice: Choice = {
    parts,
    ...(finish !== undefined && { stop: toStop(finish, hasCalls, raw['stop_reason']) }),
    extra: { format: 'chat', fields: {}, shape: tokens.join(' ') },
  };
  const form = choiceForm(choice, index, { writer: selfWriter, context: undefined });
  choice.extra = takeResidue('chat', raw, form, tokens) ?? { format: 'chat', fields: {} };
  return choice;
}
