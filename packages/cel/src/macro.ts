// Calls whose arguments are not evaluated beforehand: walks over lists, defaults, bindings, and literal regular expressions.
import { EvaluationError } from 'cel-js';
import type { ASTNode } from 'cel-js';
import { FunctionError } from './error.ts';
import { charge, charged } from './evaluation.ts';
import { callArgumentsMax } from './limits.ts';
import { cachedPattern, compilePattern, isMatch, replaceMatches } from './pattern.ts';
import type { Pattern } from './pattern.ts';

/** The parts of the engine's types that macros use; the engine declares them loosely. */
export interface CelType {
  readonly kind: string;
  readonly name: string;
  readonly keyType?: CelType;
  readonly valueType?: CelType;
  isDynOrBool(): boolean;
}

/** The variables in sight. */
export interface Scope {
  forkWithVariable(name: string, type: CelType): Scope;
  /** The same scope beneath another parent; the engine makes no new one per evaluation. */
  reuse(parent: Scope): Scope;
  setIterValue(value: unknown, evaluator: Evaluator): Scope;
}

/** The engine's type checker. */
export interface Checker {
  check(node: ASTNode, scope: Scope): CelType;
  getType(name: string): CelType;
  createError(code: string, message: string, node: ASTNode): Error;
}

/** The engine's evaluator. */
export interface Evaluator {
  run(node: ASTNode, scope: Scope): unknown;
  /** The value, or the error that it ended in. */
  tryEval(node: ASTNode, scope: Scope): unknown;
}

/** The nodes a macro is called with. */
export interface MacroCall {
  readonly args: readonly ASTNode[];
  readonly receiver: ASTNode | null;
}

/** What a call of a macro becomes. */
export interface Macro {
  readonly async: false;
  typeCheck(checker: Checker, macro: Macro, scope: Scope): CelType;
  evaluate(evaluator: Evaluator, macro: Macro, scope: Scope): unknown;
}

/** A macro: how it is called, and what it makes of a call. */
export interface MacroRow {
  readonly name: string;
  readonly argumentCount: number;
  readonly isMethod: boolean;
  /** The type that is told where the checker cannot know better. */
  readonly returns: string;
  expand(call: MacroCall): Macro;
}

/** Methods whose first argument names a variable that the others may use. */
export const binders: ReadonlySet<string> = new Set([
  'all',
  'exists',
  'exists_one',
  'existsOne',
  'filter',
  'map',
  'mapValues',
  'filterKeys',
  'with',
]);

function argument(call: MacroCall, index: number): ASTNode {
  const node = call.args[index];
  if (!node) throw new FunctionError('syntax', 'an argument is missing');
  return node;
}

function receiverOf(call: MacroCall): ASTNode {
  if (!call.receiver) throw new FunctionError('syntax', 'the receiver is missing');
  return call.receiver;
}

function variableOf(call: MacroCall): string {
  const node = argument(call, 0);
  if (node.op !== 'id') throw new FunctionError('syntax', 'the first argument must be the name of a variable');
  return node.args;
}

function expectBool(checker: Checker, node: ASTNode, scope: Scope): void {
  const type = checker.check(node, scope);
  if (!type.isDynOrBool())
    throw checker.createError('not_bool', `the test must be a bool, but it is a ${type.name}`, node);
}

function expectText(checker: Checker, node: ASTNode, scope: Scope): void {
  const type = checker.check(node, scope);
  if (type.kind !== 'dyn' && type.name !== 'string')
    throw checker.createError('not_text', `expected a string, but it is a ${type.name}`, node);
}

/** What a walk over a value of this type sees: elements of a list, keys of a map. */
function stepType(checker: Checker, node: ASTNode, scope: Scope): CelType {
  const type = checker.check(node, scope);
  if (type.kind === 'dyn') return type;
  const step = type.kind === 'list' ? type.valueType : type.kind === 'map' ? type.keyType : undefined;
  if (!step) throw checker.createError('not_walkable', `expected a list or a map, but it is a ${type.name}`, node);
  // An empty literal has elements of no type.
  return step.kind === 'param' ? checker.getType('dyn') : step;
}

function steps(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.keys()];
  if (isPlainMap(value)) return Object.keys(value);
  throw new FunctionError('type', 'expected a list or a map');
}

function isPlainMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function mapEntries(value: unknown): Iterable<[unknown, unknown]> {
  if (value instanceof Map) return value.entries();
  if (isPlainMap(value)) return Object.entries(value);
  throw new FunctionError('type', 'expected a map');
}

function asBool(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new FunctionError('type', 'the test must be a bool');
  return value;
}

/** One pass over the steps of a receiver: `run` evaluates an argument with the variable set. */
interface Walk {
  readonly items: readonly unknown[];
  run(node: ASTNode, item: unknown): unknown;
  tryRun(node: ASTNode, item: unknown): unknown;
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
function quantified(walk: Walk, test: ASTNode, decisive: boolean): boolean {
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

const walks: readonly WalkRow[] = [
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

const bindings: readonly MacroRow[] = [
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
];

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

const choices: readonly MacroRow[] = [
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

/** Runs an action; what the engine's errors say of a place, where they name none, is this node. */
export function at<T>(node: ASTNode, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof EvaluationError ? error.withAst(node) : error;
  }
}

/** A regular expression as an argument: compiled now where it is a literal, from the cache where it is not. */
function patternReader(node: ASTNode): (evaluator: Evaluator, scope: Scope) => Pattern {
  if (node.op === 'value' && typeof node.args === 'string') {
    const source = node.args;
    const pattern = at(node, () => compilePattern(source));
    return () => pattern;
  }
  return (evaluator, scope) => cachedPattern(textOf(evaluator.run(node, scope)));
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new FunctionError('type', 'expected a string');
  return value;
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

/** Every macro. */
export const macros: readonly MacroRow[] = [
  ...walks.map(walkMacro),
  ...bindings,
  ...choices,
  failMacro(0),
  failMacro(1),
  matchMacro(true),
  matchMacro(false),
  regexReplace,
];
