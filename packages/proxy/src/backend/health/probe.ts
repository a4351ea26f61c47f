// One question to one endpoint: whether it is well, over HTTP, by a connection alone, or by grpc.health.v1.
import { connect } from 'node:net';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Body } from '@agentgateway/core/body.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { ActiveHealthSettings, HealthCheck } from '@agentgateway/core/settings.ts';
import type { Reach } from '@agentgateway/core/target.ts';
import type { Transport } from '../../upstream/transport.ts';

/** Longest answer that is read, in bytes. */
const answerBytesMax = 64 * 1024;

/** What asking needs. */
export interface ProbeParts {
  readonly transport: Transport;
  readonly reach: Reach;
  readonly settings: ActiveHealthSettings;
  /** Registers what gives the question up. */
  readonly onCancel: (fn: () => void) => () => void;
}

/** Asks; false for every answer that is not good, and for none. Never rejects. */
export async function probe(endpoint: EndpointAddress, parts: ProbeParts): Promise<boolean> {
  const { check } = parts.settings;
  try {
    switch (check.kind) {
      case 'tcp':
        return await isConnectable(endpoint, parts);
      case 'http':
        return await isAnswering(endpoint, check, parts);
      case 'grpc':
        return await isServing(endpoint, check.service, parts);
    }
  } catch {
    return false;
  }
}

type HttpCheck = Extract<HealthCheck, { readonly kind: 'http' }>;

async function isAnswering(endpoint: EndpointAddress, check: HttpCheck, parts: ProbeParts): Promise<boolean> {
  const { method, path, host, expected } = check;
  const { status, body } = await dispatch(endpoint, parts, {
    protocol: parts.reach.protocol,
    method,
    path,
    authority: host ?? parts.reach.authority,
    headers: new HeaderList(['user-agent', 'agentgateway-health']),
    body: Body.none(),
  });
  // What it says beside its status is not asked for; read to its end it leaves the connection for the next time.
  await readAll(body).catch(() => {});
  return expected.length === 0 ? status === 200 : expected.some(([first, last]) => status >= first && status <= last);
}

const serving = 1;
const frameHeadBytes = 5;

/** grpc.health.v1.Health/Check (grpc/doc/health-checking.md). */
async function isServing(endpoint: EndpointAddress, service: string, parts: ProbeParts): Promise<boolean> {
  const writer = new BinaryWriter();
  if (service !== '') writer.tag(1, WireType.LengthDelimited).string(service);
  const message = writer.finish();
  const frame = Buffer.alloc(frameHeadBytes + message.byteLength);
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, frameHeadBytes);
  const { status, headers, body } = await dispatch(endpoint, parts, {
    protocol: 'http2',
    method: 'POST',
    path: '/grpc.health.v1.Health/Check',
    authority: parts.reach.authority,
    headers: new HeaderList(['content-type', 'application/grpc', 'te', 'trailers']),
    body: Body.of(frame),
  });
  const bytes = await readAll(body);
  const told = body.trailers?.get('grpc-status') ?? headers.get('grpc-status');
  return status === 200 && told === '0' && toServingStatus(bytes) === serving;
}

/** The field `status` of the one message of an answer. */
function toServingStatus(bytes: Uint8Array): number | undefined {
  // Compressed messages are not asked for.
  if (bytes.byteLength < frameHeadBytes || bytes[0] !== 0) return undefined;
  const reader = new BinaryReader(bytes.subarray(frameHeadBytes));
  let status: number | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.Varint) status = reader.uint32();
    else reader.skip(type);
  }
  return status;
}

async function readAll(body: Body): Promise<Uint8Array> {
  try {
    return await body.bytes(answerBytesMax, 'response-too-large');
  } finally {
    body.release();
  }
}

type Asked = Pick<
  Parameters<Transport['dispatch']>[0],
  'protocol' | 'method' | 'path' | 'authority' | 'headers' | 'body'
>;

function dispatch(
  endpoint: EndpointAddress,
  { transport, reach, settings, onCancel }: ProbeParts,
  asked: Asked,
): ReturnType<Transport['dispatch']> {
  const { timeoutMs } = settings;
  return transport.dispatch({
    ...asked,
    endpoint: reach.tls ? { ...endpoint, tls: reach.tls } : endpoint,
    timeouts: { connectMs: timeoutMs, firstByteMs: timeoutMs, idleMs: timeoutMs, totalMs: timeoutMs },
    onCancel: (fn) => onCancel(() => fn('policy')),
  });
}

function isConnectable({ address, port }: EndpointAddress, parts: ProbeParts): Promise<boolean> {
  const { transport, settings, onCancel } = parts;
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (isWell: boolean): void => {
      timer.stop();
      stopCancel();
      socket.destroy();
      resolve(isWell);
    };
    const timer = transport.timers.start(settings.timeoutMs, () => end(false));
    const stopCancel = onCancel(() => end(false));
    socket.once('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
