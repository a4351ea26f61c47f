// Expressions: compiled once, evaluated fast. The only place that names a CEL library; see DESIGN §2.
export { compile } from './expression.ts';
export type { CelContext, CompileOptions, Expression, ResultType } from './expression.ts';
export { CelError } from './error.ts';
export type { CelErrorCode, CelPosition } from './error.ts';
export type { ImpureFunctions } from './evaluation.ts';
export { functionTable } from './functions.ts';
export { timestampOf } from './functions/time.ts';
export type { FunctionGroup, FunctionRow } from './functions/row.ts';
export * as limits from './limits.ts';
export { rootNames } from './roots.ts';
export type { RootName } from './roots.ts';
export { toJson, toText } from './value.ts';
export type { Json } from './value.ts';
export { headerMap } from './view.ts';
