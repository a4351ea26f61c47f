// Expressions with a variable of one value: mapValues, filterKeys, with, cel.bind, optMap, optFlatMap.
import { Optional } from 'cel-js';
import type { ASTNode } from 'cel-js';
import { FunctionError } from '../error.ts';
import { charge, charged } from '../evaluation.ts';
import { argument, asBool, expectBool, mapEntries, receiverOf, variableOf } from './row.ts';
import type { Macro, MacroRow, Scope } from './row.ts';

/** A variable of one value in one expression; what `mapValues`, `filterKeys`, `with` and `cel.bind` are made of. */
function bound(
  name: string,
  value: ASTNode,
  body: ASTNode,
  options: {
    readonly returns?: string;
    readonly isTest?: boolean;
    apply(value: unknown, run: (item: unknown) => unknown): unknown;
  },
): Macro {
  let inner: Scope | undefined;
  return {
    async: false,
    typeCheck(checker, _macro, scope) {
      const type = checker.check(value, scope);
      inner = scope.forkWithVariable(name, options.returns || type.kind === 'param' ? checker.getType('dyn') : type);
      if (options.isTest) expectBool(checker, body, inner);
      const bodyType = checker.check(body, inner);
      return options.returns ? checker.getType(options.returns) : bodyType;
    },
    evaluate(evaluator, _macro, scope) {
      const held = evaluator.run(value, scope);
      const own = inner!.reuse(scope);
      return options.apply(held, (item) => {
        charge(1);
        return evaluator.run(body, own.setIterValue(item, evaluator));
      });
    },
  };
}

/** The binding macros. */
export const bindings: readonly MacroRow[] = [
  {
    name: 'mapValues',
    argumentCount: 2,
    isMethod: true,
    returns: 'map',
    expand: (call) =>
      bound(variableOf(call), receiverOf(call), argument(call, 1), {
        returns: 'map',
        apply: (map, run) => new Map(Array.from(mapEntries(map), ([key, value]) => [key, run(value)])),
      }),
  },
  {
    name: 'filterKeys',
    argumentCount: 2,
    isMethod: true,
    returns: 'map',
    expand: (call) =>
      bound(variableOf(call), receiverOf(call), argument(call, 1), {
        returns: 'map',
        isTest: true,
        apply: (map, run) => new Map(Array.from(mapEntries(map)).filter(([key]) => asBool(run(key)))),
      }),
  },
  {
    name: 'with',
    argumentCount: 2,
    isMethod: true,
    returns: 'dyn',
    expand: (call) =>
      bound(variableOf(call), receiverOf(call), argument(call, 1), { apply: (value, run) => run(charged(value)) }),
  },
  {
    name: 'bind',
    argumentCount: 3,
    isMethod: true,
    returns: 'dyn',
    expand: (call) =>
      bound(variableOf(call), argument(call, 1), argument(call, 2), { apply: (value, run) => run(charged(value)) }),
  },
  {
    name: 'optMap',
    argumentCount: 2,
    isMethod: true,
    returns: 'optional',
    expand: (call) =>
      bound(variableOf(call), receiverOf(call), argument(call, 1), {
        returns: 'optional',
        apply: (value, run) => {
          const held = asOptional(value);
          return held.hasValue() ? Optional.of(run(held.value())) : held;
        },
      }),
  },
  {
    name: 'optFlatMap',
    argumentCount: 2,
    isMethod: true,
    returns: 'optional',
    expand: (call) =>
      bound(variableOf(call), receiverOf(call), argument(call, 1), {
        returns: 'optional',
        apply: (value, run) => {
          const held = asOptional(value);
          return held.hasValue() ? asOptional(run(held.value())) : held;
        },
      }),
  },
];

function asOptional(value: unknown): Optional {
  if (!(value instanceof Optional)) throw new FunctionError('type', 'expected an optional');
  return value;
}
