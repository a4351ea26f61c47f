// What matches of every kind of route have in common: values compared exactly or by regular expression.
import { type ValueMatch, ValueMatchSchema } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import { RE2JS, RE2JSException } from 're2js';
import { token } from '../../policy/check.ts';
import type { Fault } from '../../translate/scope.ts';

/** Reports a mistake at a path. */
export type RefuseMatch = (path: string, message: string) => void;

/** Reports mistakes of a match, each of which keeps its rule from being served. */
export function refuseInto(faults: Fault[], at: string): RefuseMatch {
  return (path, message) => {
    faults.push({ path: `${at}.${path}`, condition: 'Accepted', reason: 'UnsupportedValue', message });
  };
}

/** A header or query parameter as written. */
export interface ValueMatchSpec {
  readonly type: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

/** The message of a value's match, under the name as it is compared. */
export function toValueMatch(
  { type, value }: ValueMatchSpec,
  name: string,
  where: string,
  refuse: RefuseMatch,
): ValueMatch {
  if (!token.test(name)) refuse(`${where}.name`, `'${name}' is not a valid name`);
  if (type === 'RegularExpression') checkRegex(value, (message) => refuse(`${where}.value`, message));
  const form = type === 'RegularExpression' ? ('regex' as const) : ('exact' as const);
  return create(ValueMatchSchema, { name, match: { case: form, value } });
}

/** Whether an expression can be compiled. */
export function checkRegex(source: string, refuse: (message: string) => void): void {
  try {
    RE2JS.compile(source);
  } catch (error) {
    const why = error instanceof RE2JSException ? error.message : String(error);
    refuse(`is not a regular expression of RE2: ${why}`);
  }
}
