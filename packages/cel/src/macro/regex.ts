// Regular expressions as arguments: a literal pattern compiles with the expression, others when it runs.
import type { ASTNode } from 'cel-js';
import { charged } from '../evaluation.ts';
import { cachedPattern, compilePattern, isMatch, replaceMatches } from '../pattern.ts';
import type { Pattern } from '../pattern.ts';
import { argument, at, expectText, receiverOf, textOf } from './row.ts';
import type { Evaluator, MacroRow, Scope } from './row.ts';

/** A regular expression as an argument: compiled now where it is a literal, from the cache where it is not. */
function patternReader(node: ASTNode): (evaluator: Evaluator, scope: Scope) => Pattern {
  if (node.op === 'value' && typeof node.args === 'string') {
    const source = node.args;
    const pattern = at(node, () => compilePattern(source));
    return () => pattern;
  }
  return (evaluator, scope) => cachedPattern(textOf(evaluator.run(node, scope)));
}

function matchMacro(isMethod: boolean): MacroRow {
  return {
    name: 'matches',
    argumentCount: isMethod ? 1 : 2,
    isMethod,
    returns: 'bool',
    expand(call) {
      const text = isMethod ? receiverOf(call) : argument(call, 0);
      const pattern = argument(call, isMethod ? 0 : 1);
      const read = patternReader(pattern);
      return {
        async: false,
        typeCheck(checker, _macro, scope) {
          expectText(checker, text, scope);
          expectText(checker, pattern, scope);
          return checker.getType('bool');
        },
        evaluate: (evaluator, _macro, scope) => isMatch(read(evaluator, scope), textOf(evaluator.run(text, scope))),
      };
    },
  };
}

const regexReplace: MacroRow = {
  name: 'regexReplace',
  argumentCount: 2,
  isMethod: true,
  returns: 'string',
  expand(call) {
    const text = receiverOf(call);
    const read = patternReader(argument(call, 0));
    return {
      async: false,
      typeCheck(checker, _macro, scope) {
        for (const node of [text, ...call.args]) expectText(checker, node, scope);
        return checker.getType('string');
      },
      evaluate: (evaluator, _macro, scope) =>
        charged(
          replaceMatches(
            read(evaluator, scope),
            textOf(evaluator.run(text, scope)),
            textOf(evaluator.run(argument(call, 1), scope)),
          ),
        ),
    };
  },
};

/** The macros with a pattern. */
export const patternMacros: readonly MacroRow[] = [matchMacro(true), matchMacro(false), regexReplace];
