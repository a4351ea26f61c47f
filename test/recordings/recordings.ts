// Reads the recorded exchanges with real providers that tests replay, translate and validate.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipAloud } from '../skip.ts';

/** The folder `<provider>/<api>/<name>.json` lies in: `AGENTGATEWAY_RECORDINGS`, else beside the clone. */
export const recordingsFolder =
  process.env['AGENTGATEWAY_RECORDINGS'] ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'recordings');

/** The three formats that the gateway speaks on both sides. */
export type RecordedFormat = 'chat' | 'responses' | 'messages';

/** A body as recorded. JSON was parsed by the recorder (compare values, not bytes); text (SSE among it) and bytes are exact. */
export type RecordedBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/** Header names are lower-case; credentials, ids and most `x-*` and `anthropic-*` headers are not there. */
export type RecordedHeaders = Readonly<Record<string, string>>;

/** One exchange. */
export interface Recording {
  /** `<provider>/<api>/<file without .json>`: what committed tables of exceptions call it. */
  readonly name: string;
  readonly provider: string;
  /** The folder: `chat-completions`, `responses`, `messages`, `embeddings`, `converse` … */
  readonly api: string;
  /** Set where the request creates an answer in one of the three formats, whichever provider spoke it; not for `GET /responses/{id}`. */
  readonly format: RecordedFormat | undefined;
  /** The test run it is a turn of, and which; the turns of one run share the run's name across folders. */
  readonly run: string;
  readonly turn: number;
  /** The client asked for a stream, or got one. */
  readonly isStream: boolean;
  /** Media was replaced by a tiny valid file; token counts are the original's. */
  readonly isShortened: boolean;
  readonly request: {
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly headers: RecordedHeaders;
    readonly body: RecordedBody;
  };
  readonly response: { readonly status: number; readonly headers: RecordedHeaders; readonly body: RecordedBody };
}

/** One frame of a WebSocket session. */
export type RealtimeInteraction =
  | { readonly kind: 'message'; readonly direction: 'sent' | 'received'; readonly data: unknown }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string; readonly ok: boolean };

/** A WebSocket session. */
export interface RealtimeRecording {
  readonly name: string;
  readonly provider: string;
  readonly interactions: readonly RealtimeInteraction[];
}

/** Which recordings to take; what is left out does not restrict. */
export interface RecordingFilter {
  readonly provider?: string;
  readonly api?: string;
  readonly format?: RecordedFormat;
  readonly isStream?: boolean;
  /** `ok`: answered 2xx. A stream may still have failed after that. */
  readonly outcome?: 'ok' | 'refused';
}

const formatsByApi: Readonly<Record<string, RecordedFormat>> = {
  'chat-completions': 'chat',
  responses: 'responses',
  messages: 'messages',
};

const realtime = 'realtime';

/** Whether the recordings are on this machine. */
export function hasRecordings(): boolean {
  return existsSync(join(recordingsFolder, 'README.md'));
}

/** Whether the recordings are on this machine; says aloud that `what` is skipped where they are not. */
export function hasRecordingsOrSkips(what: string): boolean {
  if (hasRecordings()) return true;
  skipAloud(`${what}: no recordings in ${recordingsFolder}; set AGENTGATEWAY_RECORDINGS to their folder`);
  return false;
}

/** HTTP exchanges, in the order of their names; none where the recordings are absent. Each file is read once, when first asked for. */
export function loadRecordings(filter: RecordingFilter = {}): Recording[] {
  const { provider, format, isStream, outcome } = filter;
  return listFiles(provider, filter.api)
    .filter(({ api }) => api !== realtime && (format === undefined || formatsByApi[api] === format))
    .map(readRecording)
    .filter(
      (recording) =>
        (format === undefined || recording.format === format) &&
        (isStream === undefined || recording.isStream === isStream) &&
        (outcome === undefined || outcome === (recording.response.status < 300 ? 'ok' : 'refused')),
    );
}

/** WebSocket sessions. */
export function loadRealtimeRecordings(provider?: string): RealtimeRecording[] {
  return listFiles(provider, realtime).map(({ name, path, ...file }) => ({
    name,
    provider: file.provider,
    interactions: (JSON.parse(readFileSync(path, 'utf8')) as RealtimeRecording).interactions,
  }));
}

/** One exchange by its name; throws where it does not exist. */
export function loadRecording(name: string): Recording {
  const [provider, api] = name.split('/');
  const file = listFiles(provider, api).find((file) => file.name === name);
  if (file === undefined) throw new Error(`no recording ${name} in ${recordingsFolder}`);
  return readRecording(file);
}

/** A body's bytes; JSON is written compactly, since its own bytes were not kept. */
export function toBytes(body: RecordedBody): Uint8Array {
  if (body.kind === 'none') return new Uint8Array();
  if (body.kind === 'bytes') return body.bytes;
  return Buffer.from(body.kind === 'text' ? body.text : JSON.stringify(body.value));
}

/** A body's JSON value; undefined where it is none. */
export function toJson(body: RecordedBody): unknown {
  return body.kind === 'json' ? body.value : undefined;
}

/** A stream's events with their terminators, exactly as received: joined, they are the stream. Written apart from the gateway's own reader, to check it. */
export function splitEvents(text: string): string[] {
  return text.split(/(?<=\r\n\r\n|\n\n|(?<!\r\n)\r\r)/u);
}

interface RecordingFile {
  readonly name: string;
  readonly provider: string;
  readonly api: string;
  readonly path: string;
}

/** The file's shape; see the recordings' README. */
interface RecordingJson {
  readonly stream: boolean;
  readonly shortened?: boolean;
  readonly request: BodyJson & Omit<Recording['request'], 'body'>;
  readonly response: BodyJson & Omit<Recording['response'], 'body'>;
}

interface BodyJson {
  readonly body?: unknown;
  readonly text?: string;
  readonly base64?: string;
}

const read = new Map<string, Recording>();

function listFiles(provider: string | undefined, api: string | undefined): RecordingFile[] {
  if (!hasRecordings()) return [];
  return readdirSync(recordingsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && (provider === undefined || entry.name === provider))
    .flatMap((entry) =>
      readdirSync(join(recordingsFolder, entry.name))
        .filter((folder) => api === undefined || folder === api)
        .flatMap((folder) => {
          const path = join(recordingsFolder, entry.name, folder);
          return readdirSync(path)
            .filter((file) => file.endsWith('.json'))
            .map((file) => ({
              name: `${entry.name}/${folder}/${file.slice(0, -'.json'.length)}`,
              provider: entry.name,
              api: folder,
              path: join(path, file),
            }));
        }),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readRecording({ name, provider, api, path }: RecordingFile): Recording {
  const known = read.get(name);
  if (known !== undefined) return known;
  const { stream, shortened, request, response } = JSON.parse(readFileSync(path, 'utf8')) as RecordingJson;
  const [, run = name, turn = '1'] = /([^/]*)-(\d+)$/u.exec(name) ?? [];
  const recording: Recording = {
    name,
    provider,
    api,
    format: request.method === 'POST' ? formatsByApi[api] : undefined,
    run,
    turn: Number(turn),
    isStream: stream,
    isShortened: shortened ?? false,
    request: {
      method: request.method,
      host: request.host,
      path: request.path,
      headers: request.headers,
      body: readBody(request),
    },
    response: { status: response.status, headers: response.headers, body: readBody(response) },
  };
  read.set(name, recording);
  return recording;
}

function readBody({ body, text, base64 }: BodyJson): RecordedBody {
  if (text !== undefined) return { kind: 'text', text };
  if (base64 !== undefined) return { kind: 'bytes', bytes: Buffer.from(base64, 'base64') };
  return body === undefined ? { kind: 'none' } : { kind: 'json', value: body };
}
