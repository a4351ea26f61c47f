// A body as an async iterable for libraries that pull: one chunk is in flight at a time, so back-pressure holds.
import type { Body } from '@agentgateway/core/body.ts';

/** Iterates a body's chunks; leaving early cancels it, and an incomplete body throws. */
export async function* bodyStream(body: Body): AsyncGenerator<Uint8Array> {
  let wake = Promise.withResolvers<void>();
  let release: (() => void) | undefined;
  let pending: Uint8Array | undefined;
  let end: { readonly error?: unknown } | undefined;
  body
    .pipe({
      write(chunk) {
        pending = chunk;
        wake.resolve();
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    })
    .then(
      () => {
        end = {};
        wake.resolve();
      },
      (error: unknown) => {
        end = { error };
        wake.resolve();
      },
    );
  try {
    for (;;) {
      await wake.promise;
      wake = Promise.withResolvers<void>();
      if (pending) {
        const chunk = pending;
        pending = undefined;
        yield chunk;
        release?.();
        if (!end) continue;
      }
      if (!end) continue;
      if ('error' in end) throw end.error;
      return;
    }
  } finally {
    if (!end) body.cancel(new Error('the upstream stopped reading the request'));
  }
}
