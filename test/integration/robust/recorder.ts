// Upstreams that write down what reaches them, byte for byte over HTTP/1.1 and field for field over HTTP/2.
import { type Upstream, startHttp2Upstream, startRawUpstream } from '../../kit/http.ts';

/** What an upstream got. */
export interface Recorder {
  readonly upstream: Upstream;
  /** Whole requests: bytes, or fields and body; what the gateway makes anew each time is left out. */
  readonly wholes: string[];
  /** Requests that broke off. */
  readonly broken: string[];
}

/** A request as it should stand before an upstream. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly host?: string;
  /** Lines of fields that the client sent. */
  readonly fields?: readonly string[];
  readonly body?: string;
  readonly isChunked?: boolean;
  readonly trailers?: readonly string[];
}

/** Forwarding fields, as the gateway sets them for this host. */
function ownFields(host: string): string[] {
  return ['x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http', `x-forwarded-host: ${host}`, 'x-request-id: ID'];
}

/** The bytes of a request over HTTP/1.1. */
export function toHttp1({ method, path, host = 'a', fields = [], body, isChunked, trailers = [] }: Sent): string {
  const framing = isChunked
    ? ['transfer-encoding: chunked']
    : body === undefined
      ? []
      : [`content-length: ${body.length}`];
  const head = [`${method} ${path} HTTP/1.1`, `host: ${host}`, ...fields, ...ownFields(host), ...framing];
  const chunks = body === undefined || body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  const content = isChunked ? `${chunks}0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n` : (body ?? '');
  return `${head.join('\r\n')}\r\n\r\n${content}`;
}

/** The fields of a request over HTTP/2, and its body. */
export function toHttp2({ method, path, host = 'a', fields = [], body, isChunked, trailers = [] }: Sent): string {
  // A body of no bytes is the end of the stream.
  const length = isChunked || !body ? [] : [`content-length: ${body.length}`];
  const pseudo = [`:method: ${method}`, `:path: ${path}`, ':scheme: http', `:authority: ${host}`];
  return [
    ...pseudo,
    ...fields.map((line) => line.toLowerCase()),
    ...ownFields(host),
    ...length,
    '',
    body ?? '',
    ...trailers,
  ].join('\n');
}

function withoutId(text: string): string {
  return text.replace(/x-request-id: [0-9a-f-]{36}/g, 'x-request-id: ID');
}

/** Where the first message ends; undefined while it has not. Reads what a gateway should write, and nothing else. */
function endOf(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)\r\n/.exec(text.slice(0, head + 2));
  if (length) return text.length >= head + 4 + Number(length[1]) ? head + 4 + Number(length[1]) : undefined;
  if (!text.slice(0, head).includes('\r\ntransfer-encoding: chunked')) return head + 4;
  for (let at = head + 4; ;) {
    const line = text.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (size === 0) {
      const end = text.indexOf('\r\n\r\n', line);
      return end < 0 ? undefined : end + 4;
    }
    at = line + 2 + size + 2;
  }
}

/** Starts one; every whole request is answered with `fine`. */
export async function startRecorder(protocol: 'http1' | 'http2'): Promise<Recorder> {
  const wholes: string[] = [];
  const broken: string[] = [];
  const note = (text: string): void => {
    wholes.push(withoutId(text));
  };
  const upstream = await (protocol === 'http1' ? startHttp1(note, broken) : startHttp2(note, broken));
  return { upstream, wholes, broken };
}

function startHttp1(note: (text: string) => void, broken: string[]): Promise<Upstream> {
  return startRawUpstream((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = endOf(text); end !== undefined; end = endOf(text)) {
        note(text.slice(0, end));
        text = text.slice(end);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine');
      }
    });
    socket.on('close', () => {
      if (text !== '') broken.push(withoutId(text));
    });
  });
}

function toFieldLines(raw: readonly string[]): string[] {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []));
}

function startHttp2(note: (text: string) => void, broken: string[]): Promise<Upstream> {
  return startHttp2Upstream((stream, _headers, raw) => {
    const fields = toFieldLines(raw);
    let body = '';
    let trailers: string[] = [];
    let isWhole = false;
    stream.on('trailers', (_headers: object, _flags: number, late: string[]) => (trailers = toFieldLines(late)));
    stream.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    stream.on('aborted', () => broken.push([...fields, '', body].join('\n')));
    stream.on('end', () => {
      // A stream that was broken ends as well.
      if (stream.aborted || stream.destroyed || isWhole) return;
      isWhole = true;
      note([...fields, '', body, ...trailers].join('\n'));
      stream.respond({ ':status': 200, 'content-length': 4 });
      stream.end('fine');
    });
  });
}
