// Replacing a path or its matched prefix (Gateway API HTTPPathModifier), for redirects and rewrites.
import { create } from '@bufbuild/protobuf';
import { type PathModifier, PathModifierSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { oneOf, strict, text } from '../schema/dialect.ts';

/** What users write. */
export const pathModifier = strict({
  type: oneOf('ReplaceFullPath', 'ReplacePrefixMatch'),
  replaceFullPath: text(1024).optional(),
  replacePrefixMatch: text(1024).min(0).optional(),
});

/** The message of a modifier. */
export function toPathModifier(spec: {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  readonly replaceFullPath?: string | undefined;
  readonly replacePrefixMatch?: string | undefined;
}): PathModifier {
  const modifier =
    spec.type === 'ReplaceFullPath'
      ? { case: 'replaceFullPath' as const, value: spec.replaceFullPath ?? '/' }
      : { case: 'replacePrefixMatch' as const, value: spec.replacePrefixMatch ?? '' };
  return create(PathModifierSchema, { modifier });
}

/** The path after the modifier. A prefix is replaced by whole segments: `/foo/bar` with `/foo` → `/xyz/` is `/xyz/bar`. */
export function modifyPath({ modifier }: PathModifier, path: string, matchedPrefix: string | undefined): string {
  if (modifier.case === 'replaceFullPath') return modifier.value;
  if (modifier.case !== 'replacePrefixMatch' || matchedPrefix === undefined) return path;
  const prefix = matchedPrefix.endsWith('/') ? matchedPrefix.slice(0, -1) : matchedPrefix;
  const rest = path.slice(prefix.length);
  const replacement = modifier.value.endsWith('/') ? modifier.value.slice(0, -1) : modifier.value;
  return replacement + rest === '' ? '/' : replacement + rest;
}
