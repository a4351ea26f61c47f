// What a macro is to the engine, and what all macros share: reading arguments, checking types, walking values.
import { EvaluationError } from 'cel-js';
import type { ASTNode } from 'cel-js';
import { FunctionError } from '../error.ts';

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

/** The argument at an index. */
export function argument(call: MacroCall, index: number): ASTNode {
  const node = call.args[index];
  if (!node) throw new FunctionError('syntax', 'an argument is missing');
  return node;
}

/** What the call is a method of. */
export function receiverOf(call: MacroCall): ASTNode {
  if (!call.receiver) throw new FunctionError('syntax', 'the receiver is missing');
  return call.receiver;
}

/** The name of the variable that an argument introduces. */
export function variableOf(call: MacroCall, index = 0): string {
  const node = argument(call, index);
  if (node.op !== 'id')
    throw new FunctionError(
      'syntax',
      `the ${index === 0 ? 'first' : 'second'} argument must be the name of a variable`,
    );
  return node.args;
}

/** Checks that a test is a bool, as far as it can be known. */
export function expectBool(checker: Checker, node: ASTNode, scope: Scope): void {
  const type = checker.check(node, scope);
  if (!type.isDynOrBool())
    throw checker.createError('not_bool', `the test must be a bool, but it is a ${type.name}`, node);
}

/** Checks that an argument is text, as far as it can be known. */
export function expectText(checker: Checker, node: ASTNode, scope: Scope): void {
  const type = checker.check(node, scope);
  if (type.kind !== 'dyn' && type.name !== 'string')
    throw checker.createError('not_text', `expected a string, but it is a ${type.name}`, node);
}

/** What a walk over a value of this type sees: elements of a list, keys of a map. */
export function stepType(checker: Checker, node: ASTNode, scope: Scope): CelType {
  const type = checker.check(node, scope);
  if (type.kind === 'dyn') return type;
  const step = type.kind === 'list' ? type.valueType : type.kind === 'map' ? type.keyType : undefined;
  if (!step) throw checker.createError('not_walkable', `expected a list or a map, but it is a ${type.name}`, node);
  // An empty literal has elements of no type.
  return step.kind === 'param' ? checker.getType('dyn') : step;
}

/** The elements of a list, or the keys of a map. */
export function steps(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.keys()];
  if (isPlainMap(value)) return Object.keys(value);
  throw new FunctionError('type', 'expected a list or a map');
}

function isPlainMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The entries of a map. */
export function mapEntries(value: unknown): Iterable<[unknown, unknown]> {
  if (value instanceof Map) return value.entries();
  if (isPlainMap(value)) return Object.entries(value);
  throw new FunctionError('type', 'expected a map');
}

/** The verdict of a test. */
export function asBool(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new FunctionError('type', 'the test must be a bool');
  return value;
}

/** Runs an action; what the engine's errors say of a place, where they name none, is this node. */
export function at<T>(node: ASTNode, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof EvaluationError ? error.withAst(node) : error;
  }
}

/** A value that must be text. */
export function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new FunctionError('type', 'expected a string');
  return value;
}
