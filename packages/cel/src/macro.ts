// Every macro: the calls whose arguments are not evaluated beforehand; and which of their arguments name variables.
import { bindings } from './macro/binding.ts';
import { choices } from './macro/choice.ts';
import { pairWalks } from './macro/pair-walk.ts';
import { patternMacros } from './macro/regex.ts';
import type { MacroRow } from './macro/row.ts';
import { walks } from './macro/walk.ts';

/** Every macro. */
export const macros: readonly MacroRow[] = [...walks, ...pairWalks, ...bindings, ...choices, ...patternMacros];

const binders: ReadonlySet<string> = new Set([...walks, ...bindings].map(({ name }) => name));
const pairBinders: ReadonlySet<string> = new Set(
  pairWalks.map(({ name, argumentCount }) => `${name}/${argumentCount}`),
);

/** How many of a method's first arguments name variables that the others may use. */
export function variableCount(method: string, argumentCount: number): number {
  if (pairBinders.has(`${method}/${argumentCount}`)) return 2;
  return binders.has(method) ? 1 : 0;
}
