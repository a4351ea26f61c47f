// Every function of the expression language; the reference pages are made from this table.
import { collectionFunctions } from './functions/collection.ts';
import { conversionFunctions } from './functions/conversion.ts';
import { encodingFunctions } from './functions/encoding.ts';
import { httpFunctions } from './functions/http.ts';
import { mathFunctions } from './functions/math.ts';
import { networkFunctions } from './functions/network.ts';
import type { FunctionRow } from './functions/row.ts';
import { textFunctions } from './functions/text.ts';
import { timeFunctions } from './functions/time.ts';

/** Every function, in the order of the reference pages; what is not in it cannot be called. */
export const functionTable: readonly FunctionRow[] = [
  ...collectionFunctions,
  ...conversionFunctions,
  ...textFunctions,
  ...encodingFunctions,
  ...mathFunctions,
  ...timeFunctions,
  ...networkFunctions,
  ...httpFunctions,
];

/** The functions by the name they are called by. */
export const functionsByName: ReadonlyMap<string, FunctionRow> = new Map(functionTable.map((row) => [row.name, row]));

/** The names before the dot of functions such as `math.abs`. */
export const namespaces: ReadonlySet<string> = new Set(
  functionTable.filter((row) => row.name.includes('.')).map((row) => row.name.slice(0, row.name.indexOf('.'))),
);
