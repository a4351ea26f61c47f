// Calls that decide which of their arguments count: default, coalesce, fail.
import { EvaluationError } from 'cel-js';
import { FunctionError } from '../error.ts';
import { callArgumentsMax } from '../limits.ts';
import { expectText } from './row.ts';
import type { MacroRow } from './row.ts';

const missingCodes: ReadonlySet<string> = new Set([
  'no_such_key',
  'unknown_variable',
  'index_out_of_bounds',
  'optional_value_missing',
]);

/** Whether an error says that something read is not there, rather than wrong. */
export function isMissing(error: unknown): boolean {
  if (error instanceof FunctionError) return error.reason === 'missing';
  return error instanceof EvaluationError && missingCodes.has(error.code);
}

/** Evaluates arguments in turn until one will do. `choose` returns whether a value, or the error it ended in, will. */
function firstOf(name: string, argumentCount: number, isGood: (outcome: unknown) => boolean): MacroRow {
  return {
    name,
    argumentCount,
    isMethod: false,
    returns: 'dyn',
    expand: (call) => ({
      async: false,
      typeCheck(checker, _macro, scope) {
        const types = call.args.map((node) => checker.check(node, scope));
        const first = types[0];
        return first && types.every((type) => type === first) ? first : checker.getType('dyn');
      },
      evaluate(evaluator, _macro, scope) {
        let last: unknown;
        let hasNull = false;
        for (const node of call.args) {
          last = evaluator.tryEval(node, scope);
          if (isGood(last)) break;
          if (last === null) hasNull = true;
        }
        if (!(last instanceof Error)) return last;
        if (hasNull) return null;
        throw last;
      },
    }),
  };
}

/** The macros of choice. */
export const choices: readonly MacroRow[] = [
  failMacro(0),
  failMacro(1),
  firstOf('default', 2, (outcome) => !isMissing(outcome)),
  ...Array.from({ length: callArgumentsMax }, (_, index) =>
    firstOf('coalesce', index + 1, (outcome) => outcome !== null && !(outcome instanceof Error)),
  ),
];

function failMacro(argumentCount: number): MacroRow {
  return {
    name: 'fail',
    argumentCount,
    isMethod: false,
    returns: 'dyn',
    expand: (call) => ({
      async: false,
      typeCheck(checker, _macro, scope) {
        for (const node of call.args) expectText(checker, node, scope);
        return checker.getType('dyn');
      },
      evaluate() {
        // Only a literal is told: a message that is put together may hold what the request holds.
        const [message] = call.args;
        const told =
          message?.op === 'value' && typeof message.args === 'string' ? `fail(): ${message.args}` : 'fail() was called';
        throw new FunctionError('failed', told);
      },
    }),
  };
}
