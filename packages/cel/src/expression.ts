// Compiling an expression and evaluating it: the two things the rest of the gateway does with CEL.
import { EvaluationError, ParseError, TypeError as CheckError } from 'cel-js';
import type { ParseResult } from 'cel-js';
import { analyse } from './analysis.ts';
import { CelError, FunctionError, positionAt } from './error.ts';
import type { CelErrorCode } from './error.ts';
import { parse, withPublicNames } from './engine.ts';
import { enter, newEvaluation } from './evaluation.ts';
import type { ImpureFunctions } from './evaluation.ts';
import { sourceLengthMax } from './limits.ts';
import { isMissing } from './macro/choice.ts';
import { membersOf, rootNames } from './roots.ts';
import type { RootName } from './roots.ts';
import { toRoot } from './view.ts';

/**
 * What an expression reads from: values by root. A root may be a plain object, a Map, `headerMap(…)`, or an object of a
 * class whose getters are the members; getters run only for what is read. A root that is absent is an empty map.
 */
export type CelContext = { readonly [Name in RootName]?: unknown };

/** The type of result an expression must have. `int` gives a number. */
export type ResultType = 'bool' | 'string' | 'int' | 'any';

/** How an expression is compiled. */
export interface CompileOptions {
  /** The roots there are where it runs; all, where left out. */
  readonly roots?: readonly RootName[];
  /** Its type; `any`, where left out. */
  readonly result?: ResultType;
  /** What uuid() and random() call; where left out they may not be used. */
  readonly functions?: ImpureFunctions;
}

/** An expression, compiled once, evaluated often. */
export interface Expression {
  readonly source: string;
  /**
   * The paths it reads, each `root.member`, as in `request.headers`, or the root alone where which member is only known
   * when it runs. Variables of its own are no roots.
   */
  readonly references: ReadonlySet<string>;
  /** Whether evaluating it may read the path: `root`, or `root.member`. */
  reads(path: string): boolean;
  /**
   * Its value: a boolean, a string, a bigint, a number, null, bytes, a list, a map … as CEL has them, which `toJson` and
   * `toText` turn back; for `result: 'int'` a number. Throws a CelError, which never holds a value of the context.
   */
  evaluate(context: CelContext): unknown;
  /** Whether its value is true. Throws a CelError where it fails or is no boolean: the caller decides what that means. */
  test(context: CelContext): boolean;
}

/** Compiles an expression. Throws a CelError that says what is wrong and where. */
export function compile(source: string, options: CompileOptions = {}): Expression {
  if (source.length > sourceLengthMax)
    throw new CelError('syntax', `the expression is longer than ${sourceLengthMax} characters`);
  if (source.trim() === '') throw new CelError('syntax', 'the expression is empty');
  try {
    const parsed = parse(source);
    const references = analyse(parsed.ast, {
      source,
      roots: new Set(options.roots ?? rootNames),
      hasImpureFunctions: options.functions !== undefined,
    });
    const checked = parsed.check();
    if (!checked.valid) throw checked.error ?? new CelError('type', 'the expression has no type');
    expectType(checked.type ?? 'dyn', options.result ?? 'any');
    return new CompiledExpression(source, parsed, references, options);
  } catch (error) {
    throw compileFailure(error, source);
  }
}

function expectType(type: string, wanted: ResultType): void {
  if (wanted === 'any' || type === wanted || type.startsWith('dyn')) return;
  throw new CelError('type', `the expression must be a ${wanted}, but it is a ${type}`);
}

/** Compile errors may tell all: there is no context yet. */
function compileFailure(error: unknown, source: string): CelError {
  if (error instanceof CelError) return error;
  if (error instanceof RangeError) return new CelError('syntax', 'the expression is nested too deeply');
  if (
    error instanceof FunctionError ||
    error instanceof ParseError ||
    error instanceof CheckError ||
    error instanceof EvaluationError
  ) {
    const at = error.range ? positionAt(source, error.range.start) : undefined;
    const code = error instanceof FunctionError ? error.reason : error instanceof ParseError ? 'syntax' : 'type';
    return new CelError(code, compileMessage(error), at);
  }
  return new CelError('syntax', 'the expression cannot be compiled');
}

function compileMessage(error: { readonly code: string; readonly summary: string }): string {
  const summary = withPublicNames(error.summary);
  if (error.code === 'invalid_macro_argument' && summary.startsWith('has()')) {
    return 'has() takes a member such as has(jwt.sub); for a header write "x-name" in request.headers';
  }
  return summary.charAt(0).toLowerCase() + summary.slice(1);
}

class CompiledExpression implements Expression {
  readonly source: string;
  readonly references: ReadonlySet<string>;
  readonly #parsed: ParseResult;
  readonly #functions: ImpureFunctions | undefined;
  readonly #result: ResultType;

  constructor(source: string, parsed: ParseResult, references: ReadonlySet<string>, options: CompileOptions) {
    this.source = source;
    this.references = references;
    this.#parsed = parsed;
    this.#functions = options.functions;
    this.#result = options.result ?? 'any';
  }

  reads(path: string): boolean {
    const dot = path.indexOf('.');
    if (dot >= 0) return this.references.has(path) || this.references.has(path.slice(0, dot));
    for (const reference of this.references) if (reference === path || reference.startsWith(`${path}.`)) return true;
    return false;
  }

  evaluate(context: CelContext): unknown {
    const value = this.#run(context);
    switch (this.#result) {
      case 'bool':
        return this.#expect(value, typeof value === 'boolean');
      case 'string':
        return this.#expect(value, typeof value === 'string');
      case 'int':
        this.#expect(value, typeof value === 'bigint' && Number.isSafeInteger(Number(value)));
        return Number(value);
      case 'any':
        return value;
    }
  }

  test(context: CelContext): boolean {
    const value = this.#run(context);
    this.#expect(value, typeof value === 'boolean');
    return value === true;
  }

  #expect(value: unknown, isRight: boolean): unknown {
    if (!isRight)
      throw new CelError('type', `the expression did not give a ${this.#result === 'any' ? 'bool' : this.#result}`);
    return value;
  }

  #run(context: CelContext): unknown {
    const evaluation = newEvaluation(this.#functions);
    const before = enter(evaluation);
    try {
      const value: unknown = this.#parsed(new ContextView(context));
      // An error for the cost may have been absorbed by `||` or default().
      if (evaluation.remaining < 0)
        throw new FunctionError('cost', 'the expression costs too much for the data it reads');
      return value;
    } catch (error) {
      throw runtimeFailure(error, this.source);
    } finally {
      enter(before);
    }
  }
}

/** The context as the engine reads it: a property per root, made when it is read and then kept for the evaluation. */
class ContextView {
  readonly context: CelContext;
  /** By the order of `rootNames`; most expressions read one or two. */
  readonly made: unknown[] = [];

  constructor(context: CelContext) {
    this.context = context;
  }
}

for (const [index, name] of rootNames.entries()) {
  const members = membersOf(name);
  Object.defineProperty(ContextView.prototype, name, {
    get(this: ContextView): unknown {
      return (this.made[index] ??= toRoot(this.context[name], members));
    },
  });
}

/** What the engine's codes mean; its texts are not used, because they quote values. */
const runtimeMessages: Readonly<Record<string, readonly [CelErrorCode, string]>> = {
  no_such_key: ['missing', 'there is no such member'],
  unknown_variable: ['missing', 'there is no such variable'],
  index_out_of_bounds: ['missing', 'the index is out of range'],
  optional_value_missing: ['missing', 'the optional holds no value'],
  no_such_overload: ['type', 'the operator does not take values of these types'],
  no_matching_overload: ['type', 'the function does not take values of these types'],
  invalid_logical_operand: ['type', 'a logical operator needs bools'],
  invalid_condition_type: ['type', 'a condition must be a bool'],
  unsupported_type: ['type', 'a value has a type that expressions cannot use'],
  numeric_overflow: ['value', 'the integer overflows'],
  division_by_zero: ['value', 'division by zero'],
  modulo_by_zero: ['value', 'division by zero'],
};

/** An error as it may be logged: what kind, and the part of the source it happened in. */
function runtimeFailure(error: unknown, source: string): CelError {
  if (error instanceof CelError) return error;
  if (error instanceof RangeError) return new CelError('cost', 'the expression costs too much for the data it reads');
  if (!(error instanceof EvaluationError)) return new CelError('value', 'the expression could not be evaluated');
  const [code, text] =
    error instanceof FunctionError
      ? ([error.reason, error.summary] as const)
      : (runtimeMessages[error.code] ?? (['value', 'the expression could not be evaluated'] as const));
  if (!error.range) return new CelError(isMissing(error) ? 'missing' : code, text);
  const node = error.node;
  const quoted = node ? source.slice(node.start, node.end) : '';
  const where =
    code === 'failed' || quoted === '' || quoted.length > quoteLengthMax ? '' : `: ${quoted.replaceAll(/\s+/g, ' ')}`;
  return new CelError(code, `${text}${where}`, positionAt(source, error.range.start));
}

const quoteLengthMax = 80;
