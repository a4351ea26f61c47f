// Citations of web pages, which OpenAI's two formats write differently.
import { asObject } from '../usage.ts';
import type { Extra } from './extra.ts';

const members = ['url', 'title', 'start_index', 'end_index'] as const;

/** Where a text begins in the one that it became part of, for the places that citations name; characters. */
interface Shift {
  readonly from: Extra['format'];
  readonly to: 'chat' | 'responses';
  readonly offset?: number;
}

/** A citation in the form of the other OpenAI format, or as it is in its own; undefined for kinds that the target does not have. */
export function toAnnotation(value: unknown, { from, to, offset = 0 }: Shift): unknown {
  if (from === to) return value;
  const raw = asObject(value);
  if (raw?.['type'] !== 'url_citation') return undefined;
  const source = from === 'chat' ? asObject(raw['url_citation']) : raw;
  if (!source) return undefined;
  const page = Object.fromEntries(
    members.flatMap((name) => {
      const each = source[name];
      return each === undefined ? [] : [[name, typeof each === 'number' ? each + offset : each]];
    }),
  );
  return to === 'chat' ? { type: 'url_citation', url_citation: page } : { type: 'url_citation', ...page };
}
