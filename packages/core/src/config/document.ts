// YAML text → documents whose every path knows its line.
import { type Document, LineCounter, isMap, isNode, isPair, isScalar, parseAllDocuments } from 'yaml';
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
    // One slip makes several errors of the parser; the first of a line is the one to mend.
    const byLine = Map.groupBy(document.errors, (error) => lines.linePos(error.pos[0]).line);
    for (const [line, [error]] of byLine)
      problems.push({
        file,
        line,
        path: '',
        message: `not valid YAML: ${error!.message}`,
        ...hintOf(text, lines, error!.pos[0]),
      });
    if (document.errors.length > 0) continue;
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: aliasesMax });
    } catch (error) {
      problems.push({ file, line: 1, path: '', message: error instanceof Error ? error.message : String(error) });
      continue;
    }
    if (value !== null && value !== undefined)
      documents.push({ file, value, lineOf: (path) => lineOf(document, lines, path) });
  }
  return { documents, problems };
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
