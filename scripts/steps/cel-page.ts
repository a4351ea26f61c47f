// The reference page of expressions: what policies see of a request, and the functions they may call.
import { functionTable } from '../../packages/cel/src/functions.ts';
import { type Root, roots } from '../../packages/cel/src/roots.ts';
import { celContext, policyRoots } from '../../packages/core/src/expression.ts';
import { makeExchange, makeReply } from '../../packages/core/src/policy/fixture.ts';
import { escapeCell, toTable } from './markdown.ts';

/** Groups of functions, in the order and by the names of the page. */
const groups = {
  logic: 'Logic',
  collections: 'Lists and maps',
  conversion: 'Conversion',
  text: 'Text',
  encoding: 'Encodings and hashes',
  math: 'Numbers',
  time: 'Time',
  network: 'Addresses',
  http: 'HTTP',
} as const satisfies Record<(typeof functionTable)[number]['group'], string>;

/** The page. Members that no request fills yet are left out. */
export function generateCelPage(): string {
  const filled = fullContext();
  const rows = policyRoots.flatMap((name) => {
    const value: unknown = filled[name];
    if (typeof value !== 'object' || value === null) return [];
    const { doc, members }: Root = roots[name];
    const served = Object.entries(members).filter(([member]) => member in value);
    return [
      [`**\`${name}\`**`, escapeCell(doc)],
      ...served.map(([member, text]) => [`\`${name}.${member}\``, escapeCell(text)]),
    ];
  });
  const functions = Object.entries(groups).map(([group, title]) => {
    const own = functionTable.filter((row) => row.group === group);
    const lines = own.map(({ usage, doc }) => [`\`${escapeCell(usage)}\``, escapeCell(doc)]);
    return `## ${title}\n\n${toTable(['function', 'what it gives'], lines)}`;
  });
  return `
# Expressions

Policies are written in [CEL](https://cel.dev), the Common Expression Language. An expression is checked when the configuration is read: an unknown name, an unknown function or a wrong type is told with its place.

## What an expression sees

A member that a request does not have is absent: reading it fails, \`has(a.b)\` asks, \`default(a.b, other)\` replaces. \`response\` is there in the response half of policies alone, and \`llm\` once an LLM backend was called.

${toTable(['name', 'what it is'], rows)}

${functions.join('\n\n')}
`;
}

/** The context of a request that has everything a request can have. */
function fullContext(): ReturnType<typeof celContext> {
  const exchange = makeExchange();
  exchange.principal = {
    subject: '',
    groups: [],
    organization: '',
    team: '',
    metadata: {},
    credential: { kind: 'apiKey', id: '' },
    allowedModels: [],
  };
  exchange.llm = {
    operation: 'chat',
    format: 'chat',
    requestModel: '',
    modelLabel: '',
    isStreaming: false,
    params: {},
  };
  return celContext(exchange, makeReply());
}
