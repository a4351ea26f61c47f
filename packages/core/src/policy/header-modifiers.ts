// Sets, adds and removes header fields of requests and responses.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderModifier,
  HeaderModifierSchema,
  type HeaderModifiers,
  HeaderModifiersSchema,
  HeaderValueSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { HeaderList } from '../header-list.ts';
import { list, strict, text } from '../schema/dialect.ts';
import { headerNameProblems, headerValueProblems } from './check.ts';
import { type Problem, definePolicy } from './define.ts';

/** What users write for one direction, with at most so many entries a verb. */
export function headerModifier(countMax: number) {
  const values = list(
    strict({
      name: text(256).describe('Name of the header, in any case.'),
      value: text(4096, 0).describe('Its value.'),
    }),
    countMax,
  );
  return strict({
    set: values.optional().describe('Replaces every field of the name.'),
    add: values.optional().describe('Adds a field beside those that are there.'),
    remove: list(text(256), countMax)
      .optional()
      .describe('Names of the headers that are taken out, after set and add.'),
  });
}

/** How many headers a policy may name a verb. */
const headersMax = 64;

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
    request: headerModifier(headersMax).optional().describe('On the way to the backend.'),
    response: headerModifier(headersMax).optional().describe('On the way to the client.'),
  }),
  translate: ({ request, response }) =>
    create(HeaderModifiersSchema, {
      ...(request && { request: toHeaderModifier(request) }),
      ...(response && { response: toHeaderModifier(response) }),
    }),
  check: ({ request, response }) => [...problemsOf(request, 'request'), ...problemsOf(response, 'response')],
  join: (first, second) =>
    create(HeaderModifiersSchema, {
      ...joinHalf('request', first, second),
      ...joinHalf('response', first, second),
    }),
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

function joinHalf<Half extends 'request' | 'response'>(
  half: Half,
  first: HeaderModifiers,
  second: HeaderModifiers,
): { readonly [H in Half]?: HeaderModifier } {
  const [before, after] = [first[half], second[half]];
  const joined = before && after ? joinModifiers([before, after]) : (after ?? before);
  return joined ? ({ [half]: joined } as { readonly [H in Half]?: HeaderModifier }) : {};
}

/** What becomes of one name's fields: whether those that are there go, and what is put in their place or beside them. */
interface HeaderFate {
  name: string;
  isReplaced: boolean;
  values: string[];
}

/** Modifiers in a row as a single one: of each name what remains after all of them. */
function joinModifiers(modifiers: readonly HeaderModifier[]): HeaderModifier {
  const fates = new Map<string, HeaderFate>();
  const change = (name: string, edit: (fate: HeaderFate) => void): void => {
    const fate = fates.get(name.toLowerCase()) ?? { name, isReplaced: false, values: [] };
    edit(fate);
    fates.set(name.toLowerCase(), fate);
  };
  const replace = (name: string, values: string[]): void =>
    change(name, (fate) => Object.assign(fate, { name, isReplaced: true, values }));
  for (const { set, add, remove } of modifiers) {
    for (const { name, value } of set) replace(name, [value]);
    for (const { name, value } of add) change(name, (fate) => fate.values.push(value));
    for (const name of remove) replace(name, []);
  }
  const joined = create(HeaderModifierSchema);
  for (const { name, isReplaced, values } of fates.values()) {
    const added = isReplaced ? values.slice(1) : values;
    if (isReplaced && values.length === 0) joined.remove.push(name);
    else if (isReplaced) joined.set.push(create(HeaderValueSchema, { name, value: values[0]! }));
    for (const value of added) joined.add.push(create(HeaderValueSchema, { name, value }));
  }
  return joined;
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
