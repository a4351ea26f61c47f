// A trace collector for tests: a real gRPC server of OTLP's TraceService, which reads spans off the wire by field number.
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status as grpcStatus,
} from '@grpc/grpc-js';

/** A span as it arrived (opentelemetry-proto, trace/v1/trace.proto). */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 is a server's, 3 a client's. */
  readonly kind: number;
  /** Nanoseconds since the epoch. */
  readonly startNano: bigint;
  readonly endNano: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2 is an error. */
  readonly statusCode: number;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A running collector. */
export interface Collector extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, as OTEL_EXPORTER_OTLP_ENDPOINT has it. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Everything that arrived, as text, for searches. */
  readonly received: () => string;
  /** Resolves once a span is there. */
  until(find: (span: CollectedSpan) => boolean): Promise<CollectedSpan>;
}

/** Starts one on a free port. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const bodies: Buffer[] = [];
  let waiting: (() => void)[] = [];
  const server = new Server();
  server.addService(
    {
      export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    },
    {
      export(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
        try {
          spans.push(...readRequest(call.request));
        } catch (error) {
          done({ code: grpcStatus.INVALID_ARGUMENT, message: String(error) });
          return;
        }
        bodies.push(call.request);
        done(null, Buffer.alloc(0));
        const woken = waiting;
        waiting = [];
        for (const wake of woken) wake();
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    received: () => Buffer.concat(bodies).toString('latin1'),
    async until(find) {
      for (;;) {
        const found = spans.find(find);
        if (found) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint)[]>;

/** Fields of a message by number: bytes for what has a length, else the number. */
function readFields(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | bigint)[]>();
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const value =
      wireType === WireType.LengthDelimited
        ? reader.bytes()
        : wireType === WireType.Bit64
          ? BigInt(reader.fixed64())
          : wireType === WireType.Bit32
            ? BigInt(reader.fixed32())
            : BigInt(reader.uint64());
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).map((value) => readFields(value as Uint8Array));
}

function textOf(fields: Fields, number: number): string {
  const [bytes] = fields.get(number) ?? [];
  return bytes === undefined ? '' : Buffer.from(bytes as Uint8Array).toString();
}

function hexOf(fields: Fields, number: number): string {
  const [bytes] = fields.get(number) ?? [];
  return bytes === undefined ? '' : Buffer.from(bytes as Uint8Array).toString('hex');
}

function numberOf(fields: Fields, number: number): bigint {
  return (fields.get(number)?.[0] as bigint | undefined) ?? 0n;
}

/** ExportTraceServiceRequest → ResourceSpans → ScopeSpans → Span. */
function readRequest(bytes: Uint8Array): CollectedSpan[] {
  return messages(readFields(bytes), 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1);
    const attributes = resource ? readAttributes(resource, 1) : {};
    return messages(resourceSpans, 2).flatMap((scope) => messages(scope, 2).map((span) => readSpan(span, attributes)));
  });
}

function readSpan(span: Fields, resource: CollectedSpan['resource']): CollectedSpan {
  const [status] = messages(span, 15);
  return {
    traceId: hexOf(span, 1),
    spanId: hexOf(span, 2),
    parentSpanId: hexOf(span, 4),
    name: textOf(span, 5),
    kind: Number(numberOf(span, 6)),
    startNano: numberOf(span, 7),
    endNano: numberOf(span, 8),
    attributes: readAttributes(span, 9),
    statusCode: status ? Number(numberOf(status, 3)) : 0,
    resource,
  };
}

function readAttributes(fields: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => [textOf(pair, 1), readValue(messages(pair, 2)[0] ?? new Map())]),
  );
}

/** AnyValue: string, bool, int, double, array. */
function readValue(value: Fields): unknown {
  if (value.has(1)) return textOf(value, 1);
  if (value.has(2)) return numberOf(value, 2) === 1n;
  if (value.has(3)) return Number(BigInt.asIntN(64, numberOf(value, 3)));
  if (value.has(4)) return new Float64Array(new BigUint64Array([numberOf(value, 4)]).buffer)[0];
  const [list] = messages(value, 5);
  return list ? messages(list, 1).map(readValue) : undefined;
}
