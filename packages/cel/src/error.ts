// What expressions fail with: messages made of the expression's own source, never of the values it read.
import { EvaluationError } from 'cel-js';

/** Where in the source a failure is; both count from one. */
export interface CelPosition {
  readonly line: number;
  readonly column: number;
}

/** Why an expression failed, for callers that tell kinds apart. */
export type CelErrorCode = 'syntax' | 'unknown-name' | 'type' | 'missing' | 'value' | 'cost' | 'failed';

/**
 * An expression that cannot be compiled or evaluated. The message names the fault and its place in the source; it never
 * holds a value of the context, so it may be logged and, at compile time, shown in a status.
 */
export class CelError extends Error {
  readonly code: CelErrorCode;
  readonly position: CelPosition | undefined;

  constructor(code: CelErrorCode, message: string, position?: CelPosition) {
    super(position ? `${message} (line ${position.line}, column ${position.column})` : message);
    this.name = 'CelError';
    this.code = code;
    this.position = position;
  }
}

/**
 * What the functions of this package throw while an expression runs. The text is shown to whoever reads the error, so
 * it is made of constants only. It extends the engine's error so that the engine adds the place of the call.
 */
export class FunctionError extends EvaluationError {
  readonly reason: CelErrorCode;

  constructor(reason: CelErrorCode, message: string) {
    super({ code: 'function_error', message });
    this.reason = reason;
  }
}

/** The place of an offset in the source. */
export function positionAt(source: string, offset: number): CelPosition {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}
