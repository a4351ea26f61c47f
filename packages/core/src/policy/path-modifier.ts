// Replacing a path or its matched prefix (Gateway API HTTPPathModifier), for redirects and rewrites.
import { create } from '@bufbuild/protobuf';
import { type PathModifier, PathModifierSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { oneOf, strict, text } from '../schema/dialect.ts';
import type { Problem } from './define.ts';

/** What users write. */
export const pathModifier = strict({
  type: oneOf('ReplaceFullPath', 'ReplacePrefixMatch').describe('Which of the two fields below holds.'),
  replaceFullPath: text(1024, 0).optional().describe('The new path.'),
  replacePrefixMatch: text(1024, 0)
    .optional()
    .describe(
      'Put in place of the prefix that the rule matched, by whole segments; every match of the rule must be a PathPrefix.',
    ),
});

interface PathModifierSpec {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  readonly replaceFullPath?: string | undefined;
  readonly replacePrefixMatch?: string | undefined;
}

/** What is wrong with the fields together: `type` names the one that must be set. */
export function fieldProblems({ type, replaceFullPath, replacePrefixMatch }: PathModifierSpec): Problem[] {
  const isFull = type === 'ReplaceFullPath';
  const [wanted, other] = isFull
    ? ['replaceFullPath', 'replacePrefixMatch']
    : ['replacePrefixMatch', 'replaceFullPath'];
  const [value, extra] = isFull ? [replaceFullPath, replacePrefixMatch] : [replacePrefixMatch, replaceFullPath];
  if (extra !== undefined) return [{ path: `path.${other}`, message: `belongs to another type than ${type}` }];
  return value === undefined ? [{ path: `path.${wanted}`, message: `must be set for type ${type}` }] : [];
}

/** The message of a modifier. */
export function toPathModifier(spec: PathModifierSpec): PathModifier {
  const modifier =
    spec.type === 'ReplaceFullPath'
      ? { case: 'replaceFullPath' as const, value: spec.replaceFullPath ?? '/' }
      : { case: 'replacePrefixMatch' as const, value: spec.replacePrefixMatch ?? '' };
  return create(PathModifierSchema, { modifier });
}

/** Whether a path can be sent: visible ASCII without what would begin a query or a fragment (RFC 3986 §3.3). */
export function modifierProblems(message: PathModifier | undefined, path: string): Problem[] {
  const value = message?.modifier.value;
  if (value === undefined || /^[!"$->@-~]*$/.test(value)) return [];
  return [{ path, message: `'${value}' is not a path: write other characters percent-encoded, and no query` }];
}

/**
 * The path after the modifier, which always begins with a slash. A prefix is replaced by whole segments: `/foo/bar` with
 * `/foo` → `/xyz/` is `/xyz/bar`.
 */
export function modifyPath({ modifier }: PathModifier, path: string, matchedPrefix: string | undefined): string {
  if (modifier.case === 'replaceFullPath') return rooted(modifier.value);
  if (modifier.case !== 'replacePrefixMatch' || matchedPrefix === undefined) return path;
  const prefix = matchedPrefix.endsWith('/') ? matchedPrefix.slice(0, -1) : matchedPrefix;
  const rest = path.slice(prefix.length);
  const replacement = modifier.value.endsWith('/') ? modifier.value.slice(0, -1) : modifier.value;
  return rooted(replacement + rest);
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
