// Hub answer → Chat Completions answer.
import { plainDialect, type AnswerContext } from '../../hub/codec.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { writeNode } from '../../hub/residue.ts';
import type { HubResponse } from '../../hub/response.ts';
import type { ChatWriter } from './content.ts';
import { choiceForm, responseForm } from './response-form.ts';

/** Encodes an answer. Throws CodecError `unsupported` for an answer that failed: the format has errors, but no failed answers. */
export function encodeChatResponse(response: HubResponse, context: AnswerContext): JsonObject {
  const { note, clock } = context;
  const isOwn = response.extra?.format === 'chat';
  const writer: ChatWriter = { isOwn, vendor: context.vendor, dialectal: plainDialect, note };
  const failed = response.choices.find(({ stop }) => stop?.reason === 'failed');
  if (!isOwn && failed) throw new CodecError('unsupported', '', failed.stop?.detail ?? 'the provider failed');
  const form = responseForm(response, isOwn);
  const defaults = isOwn ? form.defaults! : { ...form.defaults, id: `chatcmpl-${clock.id}`, created: clock.nowSeconds };
  const body = writeNode({ ...form, defaults }, isOwn ? response.extra : undefined, { format: 'chat', path: '', note });
  body['choices'] = response.choices.map((choice, index) =>
    writeNode(choiceForm(choice, index, { writer, context }), choice.extra, {
      format: 'chat',
      path: `choices[${index}]`,
      note,
    }),
  );
  return body;
}
