// YAML text → documents whose every path knows its line.
import { type Document, LineCounter, isMap, isNode, isPair, isScalar, parseAllDocuments, visit } from 'yaml';
import type { ConfigProblem } from './problem.ts';

/** How often one anchor may be used, against documents that explode. */
const aliasesMax = 1000;

/** A parsed document. */
export interface ConfigDocument {
  readonly file: string;
  readonly value: unknown;
  /** Line, from 1, of the key or item at a path; of the nearest ancestor where it is absent. */
  lineOf(path: readonly (string | number)[]): number;
}

/** Parses a file; syntax errors are problems with line and reason. */
export function parseDocuments(
  file: string,
  text: string,
): { readonly documents: ConfigDocument[]; readonly problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    stringKeys: true,
    uniqueKeys: true,
    prettyErrors: false,
  });
  const documents: ConfigDocument[] = [];
  const problems: ConfigProblem[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    // One slip makes the parser stumble over all that follows; the first is the one to mend.
    const [error] = document.errors;
    if (error) {
      problems.push({
        file,
        line: lines.linePos(error.pos[0]).line,
        path: '',
        message: `not valid YAML: ${withoutText(error.message)}`,
        ...hintOf(text, lines, error.pos[0]),
      });
      continue;
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: aliasesMax });
    } catch (error) {
      // What remains after parsing is an alias: without its anchor, or one that explodes.
      problems.push({ file, ...aliasProblem(document, lines, error) });
      continue;
    }
    if (value !== null && value !== undefined)
      documents.push({ file, value, lineOf: (path) => lineOf(document, lines, path) });
  }
  return { documents, problems };
}

/** The parser repeats what it stumbles over, which may be a secret that lacks its quotes: that part is left out. */
function withoutText(message: string): string {
  return message.replace(/: .*$/s, '');
}

/** An alias that leads nowhere, at its own line; it may be a secret that begins with an asterisk. */
function aliasProblem(document: Document, lines: LineCounter, error: unknown): Omit<ConfigProblem, 'file'> {
  const anchors = new Set<string>();
  let line = 1;
  visit(document, {
    Node: (_key, node) => {
      if ('anchor' in node && node.anchor !== undefined) anchors.add(node.anchor);
    },
    Alias: (_key, node) => {
      if (anchors.has(node.source) || !node.range) return undefined;
      line = lines.linePos(node.range[0]).line;
      return visit.BREAK;
    },
  });
  const isUnresolved = error instanceof ReferenceError && line > 1;
  const message = isUnresolved ? 'an alias has no anchor before it' : 'aliases cannot be followed';
  return { line, path: '', message, hint: 'a value that begins with * or & needs quotes' };
}

function hintOf(text: string, lines: LineCounter, offset: number): { hint?: string } {
  const { line } = lines.linePos(offset);
  const written = text.split('\n')[line - 1] ?? '';
  return /[{,]\s*\w+:\s*\$\{/.test(written)
    ? { hint: 'within { } a value such as ${NAME} needs quotes: "${NAME}"' }
    : {};
}

function lineOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1]!;
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && (isScalar(item.key) ? String(item.key.value) : String(item.key)) === String(key),
      );
      const node = pair?.key;
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  const { contents } = document;
  return contents?.range ? lines.linePos(contents.range[0]).line : 1;
}
