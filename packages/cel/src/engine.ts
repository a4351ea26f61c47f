// The engine, set up once: roots, functions, macros, operators, limits. What is replaced of it, and why, is said here.
import { Environment } from 'cel-js';
import { Duration } from 'cel-js/evaluator';
import type { UnsignedInt } from 'cel-js/evaluator';
import type { ASTNode, ParseResult } from 'cel-js';
import { FunctionError } from './error.ts';
import { charged } from './evaluation.ts';
import { functionTable, namespaces } from './functions.ts';
import type { FunctionRow, Handler } from './functions/row.ts';
import { durationOf, timestampOf } from './functions/time.ts';
import { Cidr, IpAddress } from './ip.ts';
import { callArgumentsMax, literalEntriesMax, syntaxDepthMax, syntaxNodesMax } from './limits.ts';
import { macros } from './macro.ts';
import { at } from './macro/row.ts';
import type { Evaluator, Macro, MacroCall, MacroRow, Scope } from './macro/row.ts';
import { rootNames } from './roots.ts';
import { isTimestamp } from './view.ts';

/** Prefix of our functions inside the engine, which has its own by the plain names and lets none be replaced. */
const ownPrefix = 'own_';

/** Namespaces the engine brings itself. */
const engineNamespaces: ReadonlySet<string> = new Set(['optional', 'cel']);

/** Names that are constants of the language rather than roots: types and namespaces. */
export const constants: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
  'google',
  ...engineNamespaces,
  ...namespaces,
]);

const environment = build();

/** Parses a source; the functions in it still have their public names. */
export function parse(source: string): ParseResult {
  return environment.parse(source);
}

/** Points a call at our own function of that name. Works between parsing and checking, while names are only names. */
export function redirectCall(node: ASTNode, row: FunctionRow): void {
  if ((node.op === 'call' || node.op === 'rcall') && row.overloads) node.args[0] = `${ownPrefix}${node.args[0]}`;
}

/** An engine's message with the public names of functions. */
export function withPublicNames(message: string): string {
  return message.replaceAll(ownPrefix, '').replace(/(\w+)Namespace\b/g, (_, name: string) => name.toLowerCase());
}

/** The engine's nodes as far as evaluation is concerned; not in its declarations. */
interface RunnableNode {
  readonly left: ASTNode;
  readonly right: ASTNode;
  handle(left: unknown, right: unknown, node: RunnableNode, evaluator: Evaluator): unknown;
  handle(operand: unknown, node: RunnableNode, evaluator: Evaluator): unknown;
  setMeta(key: 'evaluate', evaluate: (evaluator: Evaluator, node: RunnableNode, scope: Scope) => unknown): void;
}

/** Operators whose results are checked; the engine lets some leave the range of their type. */
const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*', '/']);

/**
 * Replaces how a node is evaluated: arithmetic is charged for what it makes and kept within the range of its type; map
 * literals keep the types of their keys, which the engine turns into text, and refuse a key that occurs twice.
 */
export function overrideEvaluation(node: ASTNode): void {
  const runnable = node as unknown as RunnableNode;
  if (arithmetic.has(node.op)) {
    runnable.setMeta('evaluate', (evaluator, self, scope) =>
      inRange(charged(self.handle(evaluator.run(self.left, scope), evaluator.run(self.right, scope), self, evaluator))),
    );
  } else if (node.op === '-_') {
    const operand = node.args;
    runnable.setMeta('evaluate', (evaluator, self, scope) =>
      inRange(self.handle(evaluator.run(operand, scope), self, evaluator)),
    );
  } else if (node.op === 'map') {
    const entries = node.args;
    runnable.setMeta('evaluate', (evaluator, _self, scope) => makeMap(entries, evaluator, scope));
  }
}

/** An int of 64 bits, a timestamp and a duration of protobuf's ranges; other values pass. */
function inRange(value: unknown): unknown {
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value) throw new FunctionError('value', 'the integer overflows');
  } else if (isTimestamp(value)) {
    timestampOf(value.getTime());
  } else if (value instanceof Duration) {
    durationOf(value.seconds * 1_000_000_000n + BigInt(value.nanos));
  }
  return value;
}

function makeMap(
  entries: readonly (readonly [ASTNode, ASTNode])[],
  evaluator: Evaluator,
  scope: Scope,
): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (const [keyNode, valueNode] of entries) {
    const key = evaluator.run(keyNode, scope);
    if (typeof key === 'object' || typeof key === 'number')
      throw new FunctionError('type', 'a map key must be text, an int or a bool');
    if (map.has(key)) throw new FunctionError('value', 'a map key occurs twice');
    map.set(key, evaluator.run(valueNode, scope));
  }
  return map;
}

function build(): Environment {
  const engine = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: {
      maxAstNodes: syntaxNodesMax,
      maxDepth: syntaxDepthMax,
      maxListElements: literalEntriesMax,
      maxMapEntries: literalEntriesMax,
      maxCallArguments: callArgumentsMax,
    },
  });
  for (const name of rootNames) engine.registerVariable(name, 'dyn');
  engine.registerType('IP', IpAddress);
  engine.registerType('CIDR', Cidr);
  registerNamespaces(engine);
  registerMacros(engine);
  for (const row of functionTable) registerFunction(engine, row);
  registerOperators(engine);
  return engine;
}

/** `math.abs` is a method of the constant `math`. */
function registerNamespaces(engine: Environment): void {
  for (const name of namespaces) {
    if (engineNamespaces.has(name)) continue;
    const holder = markerClass(name);
    engine.registerType(namespaceType(name), holder);
    engine.registerConstant(name, namespaceType(name), new holder());
  }
}

/** A class of its own, because the engine tells types apart by their classes. */
function markerClass(marks: string): new () => { readonly marks: string } {
  return class {
    readonly marks = marks;
  };
}

function namespaceType(name: string): string {
  return `${name[0]?.toUpperCase()}${name.slice(1)}Namespace`;
}

/**
 * The engine expands the macro registered last for a name and number of arguments, whatever its receiver. Ours are
 * methods of a type that no value has, so that they stand beside the engine's own and come after them.
 */
function registerMacros(engine: Environment): void {
  engine.registerType('MacroReceiver', markerClass('macro'));
  for (const macro of macros) {
    const parameters = Array.from({ length: macro.argumentCount }, () => 'ast').join(', ');
    const receiver = macro.isMethod ? 'MacroReceiver.' : '';
    if (macro.argumentCount === 0) registerFailWithoutMessage(engine, macro.name);
    else
      engine.registerFunction(`${receiver}${macro.name}(${parameters}): ${macro.returns}`, (call: PlacedCall) =>
        placed(macro, call),
      );
  }
}

/** A call as the engine hands it over. */
interface PlacedCall extends MacroCall {
  readonly ast: ASTNode;
}

/** A macro's errors get the place of the call, as the engine does for functions. */
function placed(row: MacroRow, call: PlacedCall): Macro {
  const macro = at(call.ast, () => row.expand(call));
  return {
    async: false,
    typeCheck: (checker, self, scope) => macro.typeCheck(checker, self, scope),
    evaluate: (evaluator, self, scope) => at(call.ast, () => macro.evaluate(evaluator, self, scope)),
  };
}

function failWithoutMessage(): never {
  throw new FunctionError('failed', 'fail() was called');
}

/** A macro without arguments cannot be told from a function. */
function registerFailWithoutMessage(engine: Environment, name: string): void {
  engine.registerFunction(`${name}(): dyn`, failWithoutMessage, { async: false });
}

interface Signature {
  /** A type, a namespace, or nothing. */
  readonly receiver: string;
  readonly name: string;
  /** The types of the arguments, with their brackets. */
  readonly parameters: string;
  readonly returns: string;
}

function parseSignature(signature: string): Signature {
  const open = signature.indexOf('(');
  const close = signature.lastIndexOf(')');
  const dot = signature.lastIndexOf('.', open);
  return {
    receiver: dot < 0 ? '' : signature.slice(0, dot),
    name: signature.slice(dot + 1, open),
    parameters: signature.slice(open, close + 1),
    returns: signature.slice(close + 2).trim(),
  };
}

/**
 * For an argument whose type is not known beforehand the checker takes the return type of the first overload, so that
 * overloads of functions (methods are told apart by their receivers) that return different types return `dyn`.
 */
function registerFunction(engine: Environment, row: FunctionRow): void {
  const overloads = Object.entries(row.overloads ?? {}).map(
    ([text, handler]) => [parseSignature(text), handler] as const,
  );
  const functions = overloads.filter(([{ receiver }]) => receiver === '' || namespaces.has(receiver));
  const isMixed = new Set(functions.map(([{ returns }]) => returns)).size > 1;
  for (const [signature, handler] of overloads) {
    const { receiver, name, parameters } = signature;
    const isNamespaced = namespaces.has(receiver);
    const prefix = receiver === '' ? '' : `${isNamespaced ? namespaceType(receiver) : receiver}.`;
    const returns = isMixed && (receiver === '' || isNamespaced) ? 'dyn' : signature.returns;
    engine.registerFunction(
      `${prefix}${ownPrefix}${name}${parameters}: ${returns}`,
      chargedHandler(handler, isNamespaced),
      { async: false },
    );
  }
}

function chargedHandler(handler: Handler, isNamespaced: boolean): (...args: never[]) => unknown {
  if (isNamespaced) return (_namespace, ...args) => charged(handler(...args));
  return (...args) => charged(handler(...args));
}

/**
 * JSON has one kind of number, so whether a field is an int or a double depends on its value: arithmetic of the two is
 * allowed and gives a double, instead of failing for some requests only.
 */
function registerOperators(engine: Environment): void {
  const mixed = {
    '+': (left: number, right: number) => left + right,
    '-': (left: number, right: number) => left - right,
    '*': (left: number, right: number) => left * right,
    '/': (left: number, right: number) => left / right,
  };
  for (const [operator, apply] of Object.entries(mixed)) {
    const handler = (left: bigint | number, right: bigint | number) => apply(Number(left), Number(right));
    engine.registerOperator(`int ${operator} double: double`, handler);
    engine.registerOperator(`double ${operator} int: double`, handler);
  }
  // Literals of different types of numbers are compared by value, as values of the context are.
  engine.registerOperator('int == double', (left: bigint, right: number) => Number(left) === right);
  engine.registerOperator('int == uint', (left: bigint, right: UnsignedInt) => left === right.value);
  engine.registerOperator('uint == double', (left: UnsignedInt, right: number) => Number(left.value) === right);
  const ordered = {
    '<': (order: number) => order < 0,
    '<=': (order: number) => order <= 0,
    '>': (order: number) => order > 0,
    '>=': (order: number) => order >= 0,
  };
  for (const [operator, holds] of Object.entries(ordered))
    engine.registerOperator(`bytes ${operator} bytes`, (left: Uint8Array, right: Uint8Array) =>
      holds(Buffer.compare(left, right)),
    );
  engine.registerOperator('IP == IP', (left: IpAddress, right: IpAddress) => left.equals(right));
  engine.registerOperator('CIDR == CIDR', (left: Cidr, right: Cidr) => left.equals(right));
}
