// Walks with two variables, as cel-go's two-variable comprehensions have them: index and element, or key and value.
import type { ASTNode } from 'cel-js';
import { FunctionError } from '../error.ts';
import { charge } from '../evaluation.ts';
import { asBool, expectBool, mapEntries, receiverOf, variableOf } from './row.ts';
import type { MacroRow, Scope } from './row.ts';
import { quantified } from './walk.ts';
import type { Quantifiable } from './walk.ts';

type Pair = readonly [unknown, unknown];

/** One pass over the pairs of a receiver: `run` evaluates an argument with both variables set. */
interface PairWalk extends Quantifiable<Pair> {
  run(node: ASTNode, pair: Pair): unknown;
}

interface PairRow {
  readonly name: string;
  readonly argumentCount: number;
  readonly returns: string;
  /** Which arguments must be bools. */
  readonly tests: readonly number[];
  apply(walk: PairWalk, args: readonly ASTNode[]): unknown;
}

function pairsOf(value: unknown): readonly Pair[] {
  if (Array.isArray(value)) return value.map((element: unknown, index) => [BigInt(index), element] as const);
  return Array.from(mapEntries(value));
}

/** As walkMacro does, every step spends one unit. */
function pairMacro(row: PairRow): MacroRow {
  return {
    name: row.name,
    argumentCount: row.argumentCount,
    isMethod: true,
    returns: row.returns,
    expand(call) {
      const receiver = receiverOf(call);
      const [first, second] = [variableOf(call, 0), variableOf(call, 1)];
      if (first === second) throw new FunctionError('syntax', 'the two variables must have different names');
      let outer: Scope | undefined;
      let inner: Scope | undefined;
      return {
        async: false,
        typeCheck(checker, _macro, scope) {
          const type = checker.check(receiver, scope);
          if (type.kind !== 'dyn' && type.kind !== 'list' && type.kind !== 'map')
            throw checker.createError('not_walkable', `expected a list or a map, but it is a ${type.name}`, receiver);
          outer = scope.forkWithVariable(first, checker.getType('dyn'));
          inner = outer.forkWithVariable(second, checker.getType('dyn'));
          for (const [index, node] of call.args.entries()) {
            if (index < 2) continue;
            if (row.tests.includes(index)) expectBool(checker, node, inner);
            else checker.check(node, inner);
          }
          return checker.getType(row.returns);
        },
        evaluate(evaluator, _macro, scope) {
          const items = pairsOf(evaluator.run(receiver, scope));
          const enter = ([key, value]: Pair): Scope => {
            charge(1);
            return inner!.reuse(outer!.reuse(scope).setIterValue(key, evaluator)).setIterValue(value, evaluator);
          };
          return row.apply(
            {
              items,
              run: (node, pair) => evaluator.run(node, enter(pair)),
              tryRun: (node, pair) => evaluator.tryEval(node, enter(pair)),
            },
            call.args,
          );
        },
      };
    },
  };
}

function existsOne(walk: PairWalk, args: readonly ASTNode[]): boolean {
  let count = 0;
  for (const pair of walk.items) if (asBool(walk.run(args[2]!, pair))) count++;
  return count === 1;
}

/** The pairs that pass the test, where there is one, and what the last argument gives for each. */
function transformed(walk: PairWalk, args: readonly ASTNode[]): [unknown, unknown][] {
  const test = args.length === 4 ? args[2] : undefined;
  const body = args.at(-1)!;
  return walk.items
    .filter((pair) => test === undefined || asBool(walk.run(test, pair)))
    .map((pair) => [pair[0], walk.run(body, pair)]);
}

const quantifiers: readonly PairRow[] = [
  {
    name: 'all',
    argumentCount: 3,
    returns: 'bool',
    tests: [2],
    apply: (walk, args) => quantified(walk, args[2]!, false),
  },
  {
    name: 'exists',
    argumentCount: 3,
    returns: 'bool',
    tests: [2],
    apply: (walk, args) => quantified(walk, args[2]!, true),
  },
  { name: 'exists_one', argumentCount: 3, returns: 'bool', tests: [2], apply: existsOne },
  { name: 'existsOne', argumentCount: 3, returns: 'bool', tests: [2], apply: existsOne },
];

const transforms: readonly PairRow[] = [3, 4].flatMap((argumentCount): PairRow[] => {
  const tests = argumentCount === 4 ? [2] : [];
  return [
    {
      name: 'transformList',
      argumentCount,
      returns: 'list',
      tests,
      apply: (walk, args) => transformed(walk, args).map(([, value]) => value),
    },
    {
      name: 'transformMap',
      argumentCount,
      returns: 'map',
      tests,
      apply: (walk, args) => new Map(transformed(walk, args)),
    },
  ];
});

/** The walks with two variables. */
export const pairWalks: readonly MacroRow[] = [...quantifiers, ...transforms].map(pairMacro);
