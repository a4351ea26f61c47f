// Sets, adds and removes header fields of requests and responses.
import { create } from '@bufbuild/protobuf';
import { z } from 'zod';
import {
  type HeaderModifier,
  HeaderModifierSchema,
  HeaderModifiersSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { HeaderList } from '../header-list.ts';
import { list, strict, text } from '../schema/dialect.ts';
import { headerNameProblems, headerValueProblems } from './check.ts';
import { type Problem, definePolicy } from './define.ts';

const values = list(
  strict({
    name: text(256).describe('Name of the header, in any case.'),
    value: z.string().max(4096).describe('Its value.'),
  }),
  64,
);
const modifier = strict({
  set: values.optional().describe('Replaces every field of the name.'),
  add: values.optional().describe('Adds a field beside those that are there.'),
  remove: list(text(256)).optional().describe('Names of the headers that are taken out, after set and add.'),
});

interface ModifierSpec {
  readonly set?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly add?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

/** Changes headers, in the order set, add, remove. */
export const headerModifiers = definePolicy({
  kind: 'headerModifiers',
  summary: 'Sets, adds and removes headers of requests and responses.',
  phase: 'filters',
  attach: ['gateway', 'listener', 'route', 'rule', 'filter'],
  merge: 'fields',
  schema: strict({
    request: modifier.optional().describe('On the way to the backend.'),
    response: modifier.optional().describe('On the way to the client.'),
  }),
  translate: ({ request, response }) =>
    create(HeaderModifiersSchema, {
      ...(request && { request: toHeaderModifier(request) }),
      ...(response && { response: toHeaderModifier(response) }),
    }),
  check: ({ request, response }) => [...problemsOf(request, 'request'), ...problemsOf(response, 'response')],
  compile({ request, response }) {
    const before = request && compileModifier(request);
    const after = response && compileModifier(response);
    return {
      ...(before && {
        request(exchange) {
          before(exchange.headers);
          return undefined;
        },
      }),
      ...(after && { response: (_exchange, reply) => after(reply.headers) }),
    };
  },
});

/** A Gateway API header modifier as the message. */
export function toHeaderModifier({ set = [], add = [], remove = [] }: ModifierSpec): HeaderModifier {
  return create(HeaderModifierSchema, {
    set: set.map(({ name, value }) => ({ name, value })),
    add: add.map(({ name, value }) => ({ name, value })),
    remove: [...remove],
  });
}

function compileModifier({ set, add, remove }: HeaderModifier): (headers: HeaderList) => void {
  const removed = remove.map((name) => name.toLowerCase());
  return (headers) => {
    for (const { name, value } of set) headers.set(name, value);
    for (const { name, value } of add) headers.append(name, value);
    for (const name of removed) headers.remove(name);
  };
}

function problemsOf(message: HeaderModifier | undefined, half: string): Problem[] {
  if (!message) return [];
  const written = (['set', 'add'] as const).flatMap((verb) =>
    message[verb].flatMap(({ name, value }, index) => [
      ...headerNameProblems(name, `${half}.${verb}[${index}].name`),
      ...headerValueProblems(value, `${half}.${verb}[${index}].value`),
    ]),
  );
  return [...written, ...message.remove.flatMap((name, index) => headerNameProblems(name, `${half}.remove[${index}]`))];
}
