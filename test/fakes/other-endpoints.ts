// The vendors' endpoints beside generation: models, embeddings, moderations, images, transcriptions, files.
import { fakeTimeS, type ProviderKind } from './answer.ts';
import { isObject } from './json.ts';
import { toAnthropicRefusal, toOpenaiRefusal } from './refusal.ts';
import { checkOpenaiSchema } from './validate-openai.ts';

type Json = Record<string, unknown>;

/** A file that a client uploaded. */
export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly purpose: string;
  readonly bytes: Uint8Array;
}

/** The smallest PNG: one transparent pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const dimensionsDefault = 8;

/** `GET /v1/models`. */
export function renderModels(kind: ProviderKind, models: readonly string[]): Json {
  const data = models.map((model) => renderModel(kind, model));
  if (kind !== 'anthropic') return { object: 'list', data };
  return { data, has_more: false, first_id: models[0] ?? null, last_id: models.at(-1) ?? null };
}

/** `GET /v1/models/{id}`. */
export function renderModel(kind: ProviderKind, id: string): Json {
  return kind === 'anthropic'
    ? { type: 'model', id, display_name: id, created_at: toIsoTime() }
    : { id, object: 'model', created: fakeTimeS, owned_by: kind === 'openai' ? 'openai' : 'fake' };
}

function toIsoTime(): string {
  return new Date(fakeTimeS * 1000).toISOString();
}

/** `POST /v1/embeddings`: each text's vector depends on the text alone; floats, or base64 of little-endian float32. */
export function renderEmbeddings(body: Json, isOpen: boolean): Json {
  checkOpenaiSchema('embeddings', body, isOpen);
  const { input } = body;
  const isList = Array.isArray(input) && typeof input[0] !== 'number';
  const inputs: readonly unknown[] = isList ? (input as unknown[]) : [input];
  if (inputs.length === 0 || inputs.includes('')) {
    throw toOpenaiRefusal(
      "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
    );
  }
  const dimensions = typeof body['dimensions'] === 'number' ? body['dimensions'] : dimensionsDefault;
  const data = inputs.map((text, index) => {
    const vector = toVector(JSON.stringify(text), dimensions);
    const embedding =
      body['encoding_format'] === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const prompt_tokens = inputs.reduce<number>((sum, text) => sum + Math.ceil(JSON.stringify(text).length / 4), 0);
  return { object: 'list', data, model: body['model'], usage: { prompt_tokens, total_tokens: prompt_tokens } };
}

function toVector(text: string, dimensions: number): Float32Array {
  let state = 7;
  for (const byte of Buffer.from(text)) state = (Math.imul(state, 31) + byte) >>> 0;
  return Float32Array.from({ length: dimensions }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const moderationCategories = ['harassment', 'hate', 'illicit', 'self-harm', 'sexual', 'violence'];

/** `POST /v1/moderations`: flags texts that contain the word `violence`. */
export function renderModerations(body: Json, id: string): Json {
  checkOpenaiSchema('moderations', body, false);
  const { input } = body;
  const isParts = Array.isArray(input) && isObject(input[0]);
  const inputs: readonly unknown[] = Array.isArray(input) && !isParts ? (input as unknown[]) : [input];
  const results = inputs.map((text) => {
    const flagged = /violence/iu.test(JSON.stringify(text));
    const pick = <T>(value: T, other: T): Record<string, T> =>
      Object.fromEntries(moderationCategories.map((name) => [name, flagged && name === 'violence' ? value : other]));
    return {
      flagged,
      categories: pick(true, false),
      category_scores: pick(0.99, 0.001),
      category_applied_input_types: Object.fromEntries(moderationCategories.map((name) => [name, ['text']])),
    };
  });
  return { id, model: body['model'] ?? 'omni-moderation-latest', results };
}

/** `POST /v1/images/generations`. */
export function renderImages(body: Json): Json {
  checkOpenaiSchema('images-generations', body, false);
  if (body['prompt'] === '')
    throw toOpenaiRefusal("Invalid 'prompt': empty string.", { param: 'prompt', code: 'empty_string' });
  const count = typeof body['n'] === 'number' ? body['n'] : 1;
  const isUrl = body['response_format'] === 'url';
  const image = isUrl ? { url: 'https://images.example.com/fake.png' } : { b64_json: pixel };
  return {
    created: fakeTimeS,
    data: Array.from({ length: count }, () => image),
    usage: {
      input_tokens: 9,
      input_tokens_details: { text_tokens: 9, image_tokens: 0 },
      output_tokens: 272 * count,
      total_tokens: 9 + 272 * count,
    },
  };
}

/** A multipart form; refuses what is none, as `refuse` words it. */
export async function parseForm(
  body: Uint8Array<ArrayBuffer>,
  contentType: string,
  kind: ProviderKind,
): Promise<FormData> {
  try {
    return await new Response(body, { headers: { 'content-type': contentType } }).formData();
  } catch {
    const message = 'Could not parse multipart form';
    throw kind === 'anthropic' ? toAnthropicRefusal(message) : toOpenaiRefusal(message);
  }
}

/** `POST /v1/audio/transcriptions`: JSON, or the bare text where the form asks for it. */
export function renderTranscription(form: FormData): Json | string {
  for (const name of ['file', 'model']) {
    if (form.get(name) !== null) continue;
    throw toOpenaiRefusal(`Missing required parameter: '${name}'.`, {
      param: name,
      code: 'missing_required_parameter',
    });
  }
  const file = form.get('file');
  if (typeof file === 'string') {
    throw toOpenaiRefusal("Invalid type for 'file': expected a file.", { param: 'file', code: 'invalid_type' });
  }
  const text = `Transcript of ${String(file?.size)} bytes.`;
  if (form.get('response_format') === 'text') return `${text}\n`;
  return {
    text,
    usage: {
      type: 'tokens',
      input_tokens: 14,
      input_token_details: { text_tokens: 0, audio_tokens: 14 },
      output_tokens: 6,
      total_tokens: 20,
    },
  };
}

/** `POST /v1/files`: the file that the form holds. */
export async function parseFile(form: FormData, kind: ProviderKind, id: string): Promise<StoredFile> {
  const file = form.get('file');
  const purpose = form.get('purpose');
  if (file === null || typeof file === 'string') {
    throw kind === 'anthropic'
      ? toAnthropicRefusal('file: Field required')
      : toOpenaiRefusal("'file' is a required property", { param: 'file' });
  }
  if (kind !== 'anthropic' && typeof purpose !== 'string') {
    throw toOpenaiRefusal("'purpose' is a required property", { param: 'purpose' });
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { id, name: file.name, type: file.type, purpose: typeof purpose === 'string' ? purpose : '', bytes };
}

/** A file as the vendor describes it. */
export function renderFile(kind: ProviderKind, { id, name, type, purpose, bytes }: StoredFile): Json {
  if (kind === 'anthropic') {
    return {
      type: 'file',
      id,
      filename: name,
      mime_type: type,
      size_bytes: bytes.byteLength,
      created_at: toIsoTime(),
      downloadable: false,
    };
  }
  return {
    id,
    object: 'file',
    bytes: bytes.byteLength,
    created_at: fakeTimeS,
    filename: name,
    purpose,
    status: 'processed',
  };
}

/** The answer to a deletion. */
export function renderDeletion(kind: ProviderKind, id: string, object: string): Json {
  return kind === 'anthropic' ? { id, type: `${object}_deleted` } : { id, object, deleted: true };
}
