// Looks at the first bytes of a connection and puts them back for whoever serves it.
import type { Socket } from 'node:net';

/** What a look at the bytes so far came to: more are needed, or an answer, with as many bytes as it takes away. */
export type Look<T> = { readonly needs: number } | { readonly found: T; readonly taken: number };

/** How a look at a connection may fail before there is an answer. */
export type PeekFailure = 'late' | 'gone';

/** What a look came to. */
export type Peeked<T> = { readonly found: T } | { readonly failed: PeekFailure };

/** How long and at what to look. */
export interface PeekOptions<T> {
  readonly timeoutMs: number;
  /** Called with all bytes so far, once there are as many as it said it needs. It bounds how many it asks for. */
  readonly look: (bytes: Buffer) => Look<T>;
}

/**
 * Reads until `look` has an answer, then puts all bytes back but those taken. Never rejects. `late`: the client was too
 * slow, and is still connected; `gone`: it has closed or broken the connection.
 */
export function peek<T>(socket: Socket, { timeoutMs, look }: PeekOptions<T>): Promise<Peeked<T>> {
  const { promise, resolve } = Promise.withResolvers<Peeked<T>>();
  let held: Buffer | undefined;
  let needs = 0;
  const end = (result: Peeked<T>, rest?: Buffer): void => {
    clearTimeout(late);
    socket.off('readable', onReadable).off('close', onGone).off('end', onGone).off('error', onGone);
    if (rest && rest.length > 0) socket.unshift(rest);
    resolve(result);
  };
  const onGone = (): void => end({ failed: 'gone' });
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    // Too few bytes to tell are held here: put back, they would be announced again at once.
    held = held ? Buffer.concat([held, chunk]) : chunk;
    if (held.length < needs) return;
    const looked = look(held);
    if ('needs' in looked) needs = looked.needs;
    else end({ found: looked.found }, held.subarray(looked.taken));
  };
  const late = setTimeout(() => end({ failed: 'late' }, held), timeoutMs);
  if (socket.destroyed) onGone();
  else socket.on('readable', onReadable).on('close', onGone).on('end', onGone).on('error', onGone);
  return promise;
}
