// Answers by itself, without a backend.
import { create } from '@bufbuild/protobuf';
import { DirectResponseSchema, HeaderValueSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { Body } from '../body.ts';
import { HeaderList } from '../header-list.ts';
import { integer, list, strict, text } from '../schema/dialect.ts';
import { headerNameProblems, headerValueProblems } from './check.ts';
import { definePolicy } from './define.ts';

/** Longest body, in characters: it is part of the configuration. */
const bodyLengthMax = 32_768;

/** Statuses whose answers have no body (RFC 9110 §6.4.1). */
const bodiless = [204, 205, 304];

/** Answers with what it says. */
export const directResponse = definePolicy({
  kind: 'directResponse',
  summary: 'Answers with a status, headers and a body of its own instead of asking a backend.',
  phase: 'filters',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'fields',
  schema: strict({
    status: integer(200, 599).optional().describe('200 when left out.'),
    body: text(bodyLengthMax, 0).optional().describe('Text of the answer; none when left out.'),
    headers: list(
      strict({ name: text(256).describe('Name of the header.'), value: text(4096, 0).describe('Its value.') }),
      32,
    )
      .optional()
      .describe('Headers of the answer; a body is text/plain where no content-type is among them.'),
  }),
  translate: ({ status, body, headers }) =>
    create(DirectResponseSchema, {
      ...(status !== undefined && { status }),
      ...(body !== undefined && { body }),
      headers: (headers ?? []).map((header) => create(HeaderValueSchema, header)),
    }),
  check: ({ status = 200, body = '', headers }) => [
    ...(bodiless.includes(status) && body !== ''
      ? [{ path: 'body', message: `an answer with status ${status} has none` }]
      : []),
    ...headers.flatMap(({ name, value }, index) => [
      ...headerNameProblems(name, `headers[${index}].name`),
      ...headerValueProblems(value, `headers[${index}].value`),
    ]),
  ],
  compile({ status = 200, body = '', headers }) {
    const fields = new HeaderList(headers.flatMap(({ name, value }) => [name, value]));
    if (body !== '' && !fields.has('content-type')) fields.append('content-type', 'text/plain; charset=utf-8');
    const bytes = Buffer.from(body);
    return {
      request: () => ({
        status,
        headers: fields.clone(),
        body: bytes.byteLength === 0 ? Body.none() : Body.of(bytes),
        origin: 'policy',
      }),
    };
  },
});
