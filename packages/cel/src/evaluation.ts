// The one evaluation that runs at this moment: what it has left to spend, and the functions that are not pure.
import { FunctionError } from './error.ts';
import { charactersPerUnit, evaluationCostMax, textLengthMax } from './limits.ts';

/** The functions that are not pure; whoever compiles an expression hands them in. */
export interface ImpureFunctions {
  /** A new UUID in its text form. */
  uuid(): string;
  /** In [0, 1). */
  random(): number;
}

/** What one evaluation carries. */
export interface Evaluation {
  remaining: number;
  readonly functions: ImpureFunctions | undefined;
}

const idle: Evaluation = { remaining: 0, functions: undefined };
let current: Evaluation = idle;

/** A fresh evaluation with its whole allowance. */
export function newEvaluation(functions: ImpureFunctions | undefined): Evaluation {
  return { remaining: evaluationCostMax, functions };
}

/** Makes an evaluation the current one and returns the one before; evaluating is synchronous, so one variable will do. */
export function enter(evaluation: Evaluation): Evaluation {
  const before = current;
  current = evaluation;
  return before;
}

/** Takes units from the current evaluation. Throws when they are spent, and at every later charge. */
export function charge(units: number): void {
  current.remaining -= units;
  if (current.remaining < 0) throw new FunctionError('cost', 'the expression costs too much for the data it reads');
}

/** The impure functions of the current evaluation. */
export function impureFunctions(): ImpureFunctions {
  if (!current.functions) throw new FunctionError('value', 'uuid() and random() are not available here');
  return current.functions;
}

/** Charges for a value that a function or operator made, and returns it. */
export function charged<T>(value: T): T {
  if (typeof value === 'string') {
    if (value.length > textLengthMax) throw new FunctionError('cost', 'the text that is made is too long');
    if (value.length >= charactersPerUnit) charge(Math.floor(value.length / charactersPerUnit));
  } else if (Array.isArray(value)) {
    charge(value.length);
  } else if (value instanceof Uint8Array) {
    charge(Math.floor(value.length / charactersPerUnit));
  } else if (value instanceof Map && value.constructor === Map && Object.getPrototypeOf(value) === Map.prototype) {
    charge(value.size);
  }
  return value;
}
