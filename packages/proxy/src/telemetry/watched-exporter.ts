// Sends spans and says when they could not be sent: once, then at most once a minute, with how many were lost.
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Log } from '@agentgateway/core/environment.ts';

/** Least time between two messages about lost spans. */
const quietMs = 60_000;

type Done = Parameters<SpanExporter['export']>[1];

/** An exporter whose failures are seen. */
export class WatchedExporter implements SpanExporter {
  readonly #inner: SpanExporter;
  #report: ((error: Error, spans: number) => void) | undefined;

  constructor(inner: SpanExporter) {
    this.#inner = inner;
  }

  /** From now on says what is lost. */
  reportTo(log: Log, monotonicMs: () => number): void {
    let lost = 0;
    let saidMs = -Infinity;
    this.#report = (error, spans) => {
      lost += spans;
      if (monotonicMs() - saidMs < quietMs) return;
      log.warn({ err: error, spans: lost }, `${lost} spans could not be sent: ${error.message}`);
      saidMs = monotonicMs();
      lost = 0;
    };
  }

  export(spans: ReadableSpan[], done: Done): void {
    this.#inner.export(spans, (result) => {
      if (result.error) this.#report?.(result.error, spans.length);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush?.() ?? Promise.resolve();
  }
}
