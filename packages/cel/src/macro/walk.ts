// Walks over lists and maps with one variable: all, exists, existsOne, filter, map.
import type { ASTNode } from 'cel-js';
import { charge } from '../evaluation.ts';
import { asBool, expectBool, receiverOf, steps, stepType, variableOf } from './row.ts';
import type { MacroRow, Scope } from './row.ts';

/** What a quantifier needs of a walk. */
export interface Quantifiable<Item = unknown> {
  readonly items: readonly Item[];
  tryRun(node: ASTNode, item: Item): unknown;
}

/** One pass over the steps of a receiver: `run` evaluates an argument with the variable set. */
interface Walk extends Quantifiable {
  run(node: ASTNode, item: unknown): unknown;
}

interface WalkRow {
  readonly name: string;
  readonly argumentCount: number;
  readonly returns: string;
  /** Which arguments must be bools. */
  readonly tests: readonly number[];
  apply(walk: Walk, args: readonly ASTNode[]): unknown;
}

/** Every walk spends one unit a step, so that nested walks over large data end. */
function walkMacro(row: WalkRow): MacroRow {
  return {
    name: row.name,
    argumentCount: row.argumentCount,
    isMethod: true,
    returns: row.returns,
    expand(call) {
      const receiver = receiverOf(call);
      const variable = variableOf(call);
      let inner: Scope | undefined;
      return {
        async: false,
        typeCheck(checker, _macro, scope) {
          inner = scope.forkWithVariable(variable, stepType(checker, receiver, scope));
          for (const [index, node] of call.args.entries()) {
            if (index === 0) continue;
            if (row.tests.includes(index)) expectBool(checker, node, inner);
            else checker.check(node, inner);
          }
          return checker.getType(row.returns);
        },
        evaluate(evaluator, _macro, scope) {
          const items = steps(evaluator.run(receiver, scope));
          const own = inner!.reuse(scope);
          const enter = (item: unknown): Scope => {
            charge(1);
            return own.setIterValue(item, evaluator);
          };
          return row.apply(
            {
              items,
              run: (node, item) => evaluator.run(node, enter(item)),
              tryRun: (node, item) => evaluator.tryEval(node, enter(item)),
            },
            call.args,
          );
        },
      };
    },
  };
}

/** `all` and `exists`: a failing test is forgotten where another one decides (CEL's language definition, Macros). */
export function quantified<Item>(walk: Quantifiable<Item>, test: ASTNode, decisive: boolean): boolean {
  let failure: Error | undefined;
  for (const item of walk.items) {
    const verdict = walk.tryRun(test, item);
    if (verdict === decisive) return decisive;
    if (verdict instanceof Error) failure ??= verdict;
    else asBool(verdict);
  }
  if (failure) throw failure;
  return !decisive;
}

function existsOne(walk: Walk, args: readonly ASTNode[]): boolean {
  let count = 0;
  for (const item of walk.items) if (asBool(walk.run(args[1]!, item))) count++;
  return count === 1;
}

const rows: readonly WalkRow[] = [
  {
    name: 'all',
    argumentCount: 2,
    returns: 'bool',
    tests: [1],
    apply: (walk, args) => quantified(walk, args[1]!, false),
  },
  {
    name: 'exists',
    argumentCount: 2,
    returns: 'bool',
    tests: [1],
    apply: (walk, args) => quantified(walk, args[1]!, true),
  },
  { name: 'exists_one', argumentCount: 2, returns: 'bool', tests: [1], apply: existsOne },
  { name: 'existsOne', argumentCount: 2, returns: 'bool', tests: [1], apply: existsOne },
  {
    name: 'filter',
    argumentCount: 2,
    returns: 'list',
    tests: [1],
    apply: (walk, args) => walk.items.filter((item) => asBool(walk.run(args[1]!, item))),
  },
  {
    name: 'map',
    argumentCount: 2,
    returns: 'list',
    tests: [],
    apply: (walk, args) => walk.items.map((item) => walk.run(args[1]!, item)),
  },
  {
    name: 'map',
    argumentCount: 3,
    returns: 'list',
    tests: [1],
    apply: (walk, args) =>
      walk.items.filter((item) => asBool(walk.run(args[1]!, item))).map((item) => walk.run(args[2]!, item)),
  },
];

/** The walks with one variable. */
export const walks: readonly MacroRow[] = rows.map(walkMacro);
