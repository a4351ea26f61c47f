// Issues in the words of the user: their own path and line.
import type { Issue, ObjectOrigin, Place } from '../world.ts';

/** Conditions that are bad when they are true. */
const badWhenTrue = new Set(['Conflicted', 'PartiallyInvalid']);

/** An object's path as a place in the file it came from. */
export function toPlace({ file, line, pathPrefix, lineOf }: ObjectOrigin, path: string): Place {
  // The short form has no `spec`: what stands in it stands in the item.
  const inner = pathPrefix === 'spec' ? path : path.replace(/^spec(\.|$)/, '');
  const own = pathPrefix === 'spec' || pathPrefix === '' ? inner : [pathPrefix, inner].filter(Boolean).join('.');
  return { file, line: lineOf?.(own) ?? line, path: own };
}

/** An issue on one line, such as `config.yaml:12: llmBackends[0].providers[1].name: … (LLMBackend default/models: Accepted=False DuplicateName)`. */
export function formatIssue({ object, path, condition, reason, message, origin }: Issue): string {
  const verdict = `${condition}=${badWhenTrue.has(condition) ? 'True' : 'False'} ${reason}`;
  const place = origin ? `${origin.file}:${origin.line}: ${origin.path === '' ? '' : `${origin.path}: `}` : `${path}: `;
  return `${place}${message} (${object}: ${verdict})`;
}
