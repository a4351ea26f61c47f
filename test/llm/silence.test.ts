// Nothing is lost in silence: every leaf of a recorded request or answer shows on the other side, or is noted, or makes it refuse.
import { describe, expect, test } from 'vitest';
import { codecs } from '@agentgateway/llm/codecs.ts';
import type { FormatName } from '@agentgateway/llm/format.ts';
import type { JsonObject } from '@agentgateway/llm/hub/extra.ts';
import { formatNames, makers } from '@agentgateway/llm/matrix/cell.ts';
import { hasRecordingsOrSkips, loadRecordings, toJson } from '../recordings/recordings.ts';
import { requestContext } from './contexts.ts';
import { leavesOf, withChangedLeaf } from './mutation.ts';

const hasThem = hasRecordingsOrSkips('silent losses across formats');

/** Leaves that may change without a trace, and why. */
const silent: readonly (readonly [leaf: RegExp, because: string])[] = [
  [/^model$/u, 'the name sent is the target of the route'],
  [/\.type$/u, 'a constant of its format'],
  [/^thinking\.budget_tokens$/u, 'budgets between two efforts are one effort'],
  [/^thinking\.display$/u, 'OpenAI has one kind of summary, and Chat none'],
  [/^reasoning\.summary$/u, 'Anthropic has one kind of summary'],
  [/^stream_options\.include_usage$/u, 'what the client sees, not what the provider is asked'],
  [/\.is_error$/u, 'said where it is true; false is the rule'],
  [/^messages\[\d+\]\.role$/u, 'a turn of tool results alone has but one possible role'],
  [/\.prefix$/u, 'false is the rule'],
  [/\.reasoning_content$/u, 'an empty thought'],
  [/^(?:response_format\.json_schema|text\.format)\.name$/u, 'a label'],
  [/^(?:response_format\.json_schema|text\.format)\.strict$/u, "Anthropic's schemas always bind"],
  [/^clear_thinking$/u, 'false is the rule'],
  [/\.file_data$/u, 'what stands behind the end of base64 is no data'],
  [/^input\[\d+\]\.(?:id|phase|status)$/u, "names of a provider's own items"],
];

const pathOf = (path: readonly (string | number)[]): string =>
  path.map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`)).join('');

/** Whether a note speaks of the leaf, or of what it is part of, or of something in it. */
function isNoted(leaf: string, notes: readonly string[]): boolean {
  return notes.some(
    (note) =>
      note !== '' &&
      (leaf === note || note.startsWith(leaf) || (/^[.[]/u.test(leaf.slice(note.length)) && leaf.startsWith(note))),
  );
}

function send(from: FormatName, to: FormatName, body: JsonObject): { readonly sent: string; readonly notes: string[] } {
  const context = requestContext(makers[to]);
  const sent = JSON.stringify(codecs[to].encodeRequest(codecs[from].decodeRequest(structuredClone(body)), context));
  return { sent, notes: context.notes.map(({ path }) => path) };
}

/** Leaves of a body whose change leaves no trace. */
function silentLeaves(from: FormatName, to: FormatName, body: JsonObject): string[] {
  let whole: ReturnType<typeof send>;
  try {
    whole = send(from, to, body);
  } catch {
    return []; // Refused: not silent.
  }
  const lost: string[] = [];
  for (const { path } of leavesOf(body)) {
    const leaf = pathOf(path);
    if (isNoted(leaf, whole.notes) || silent.some(([pattern]) => pattern.test(leaf))) continue;
    try {
      const changed = send(from, to, withChangedLeaf(body, path));
      if (changed.sent === whole.sent && changed.notes.length === whole.notes.length) lost.push(leaf);
    } catch {
      // The changed leaf is refused: it is read.
    }
  }
  return lost;
}

const pairs = formatNames.flatMap((from) => formatNames.filter((to) => to !== from).map((to) => [from, to] as const));

describe.runIf(hasThem)('recorded requests', () => {
  test.each(pairs)('%s → %s', (from, to) => {
    const lost = loadRecordings({ format: from, outcome: 'ok' }).flatMap(({ name, request }) =>
      silentLeaves(from, to, toJson(request.body) as JsonObject).map((leaf) => `${name}: ${leaf}`),
    );
    expect(lost).toEqual([]);
  });
});
