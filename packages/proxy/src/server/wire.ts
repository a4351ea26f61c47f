// The writing side of one exchange, whichever version of HTTP it speaks; the responder decides what is written.
import type { Duplex } from 'node:stream';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** Who wants to know what happens on the wire. */
export interface WireListener {
  /** More may be written. */
  drained(): void;
  /** The client has not taken the whole of an answer that was handed over. */
  behind(): void;
  /** The connection or stream has ended, for whatever reason. */
  closed(): void;
}

/** What is known of an answer when its head is written. */
export interface HeadFacts {
  /** The connection must end with it. */
  readonly isLast: boolean;
  /** The body follows in one piece, without trailers. */
  readonly isWhole: boolean;
  /** No body follows at all. */
  readonly isEmpty?: boolean;
}

/** The writing side of one exchange. */
export interface Wire {
  readonly isHeadSent: boolean;
  /** Whether bytes that were written wait for the client, as far as this connection alone can tell. */
  readonly isBehind: boolean;
  listen(listener: WireListener): void;
  inform(status: number, headers: HeaderList): void;
  head(status: number, headers: HeaderList, facts: HeadFacts): void;
  /** Sends a head that waits for the first bytes of its body: they are not here yet. */
  flush(): void;
  /** False when the client's socket has enough; `drained` follows. */
  write(chunk: Uint8Array): boolean;
  trailers(trailers: HeaderList): void;
  end(chunk: Uint8Array | undefined): void;
  /** Answers that the client's protocol is spoken from now on, and gives the connection or stream away. */
  switchTo(protocol: string, headers: HeaderList): Duplex;
  /** Delivers the last bytes and then breaks the exchange, so that it cannot be taken for complete. */
  break(bytes: Uint8Array | undefined): Promise<void>;
  /** Breaks the exchange at once. */
  abort(): void;
}

/** How long the last words to a client that does not read may wait, in milliseconds. */
const lastWordsMs = 5000;

/** Calls `abort` when `say` is done, or when nobody listens for too long. */
export function lastWords(say: (done: () => void) => void, abort: () => void): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => done(), lastWordsMs);
    let isDone = false;
    const done = (): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(late);
      abort();
      resolve();
    };
    say(done);
  });
}
