// Data URIs: how OpenAI's formats hold media inside JSON.
import type { MediaSource } from './content.ts';

/** The data of `data:TYPE;base64,…`; undefined where the text is not exactly of that form, so that it can be written again unchanged. */
export function fromDataUri(uri: string): Extract<MediaSource, { kind: 'base64' }> | undefined {
  const comma = uri.indexOf(';base64,');
  if (!uri.startsWith('data:') || comma < 0 || uri.slice(0, comma).includes(',')) return undefined;
  return { kind: 'base64', mediaType: uri.slice('data:'.length, comma), data: uri.slice(comma + ';base64,'.length) };
}

/** A data URI. */
export function toDataUri(source: { readonly mediaType: string; readonly data: string }): string {
  return `data:${source.mediaType};base64,${source.data}`;
}

/** A document's file name with an extension, which OpenAI's APIs demand; made from its media type where there is none. */
export function toFileName(name: string | undefined, mediaType: string): string {
  if (name !== undefined && /\.[A-Za-z0-9]{1,8}$/.test(name)) return name;
  const extension = mediaType === 'text/plain' ? 'txt' : (/\/([a-z0-9]{1,8})$/.exec(mediaType)?.[1] ?? 'bin');
  return `${name ?? 'document'}.${extension}`;
}
