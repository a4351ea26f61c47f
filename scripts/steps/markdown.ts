// Tables in Markdown.

/** A table; cells are Markdown already, an empty row list gives one line that says so. */
export function toTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'No fields.';
  return [toLine(heads), toLine(heads.map(() => '---')), ...rows.map((row) => toLine(row))].join('\n');
}

function toLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Text in one cell. */
export function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
