// What OpenAI's two generation APIs refuse alike: what the schema refuses, bad tools, loose strict schemas, broken arguments, unfit media.
import { isObject, toObjects } from './json.ts';
import { toOpenaiRefusal, type VendorRefusal } from './refusal.ts';
import type { SchemaName } from './request-types.ts';
import { findSchemaError, type SchemaError } from './schema.ts';

type Json = Record<string, unknown>;

/** Refuses a body that the generated schema refuses, in OpenAI's words. */
export function checkOpenaiSchema(name: SchemaName, body: unknown, isOpen: boolean): void {
  const error = findSchemaError(name, body, isOpen);
  if (error !== undefined) throw toRefusal(error);
}

/** Writes a path as OpenAI does: `messages[0].content[1].type`. */
function writePath(path: SchemaError['path']): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${String(step)}]` : index > 0 ? `.${step}` : step))
    .join('');
}

const articles: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a decimal number',
  integer: 'an integer',
  boolean: 'a boolean',
  array: 'an array',
  object: 'an object',
  null: 'null',
};

function nameType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return articles[typeof value] ?? typeof value;
}

function toRefusal({ path, kind, expected, actual }: SchemaError): VendorRefusal {
  const param = writePath(path);
  switch (kind) {
    case 'unknown':
      return toOpenaiRefusal(`Unknown parameter: '${param}'.`, { param, code: 'unknown_parameter' });
    case 'missing':
      return toOpenaiRefusal(`Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' });
    case 'type': {
      const wanted = expected.map((type) => articles[type] ?? type).join(' or ');
      return toOpenaiRefusal(`Invalid type for '${param}': expected ${wanted}, but got ${nameType(actual)} instead.`, {
        param,
        code: 'invalid_type',
      });
    }
    case 'value': {
      const wanted = expected.map((value) => `'${value}'`).join(', ');
      const value = typeof actual === 'string' ? `'${actual}'` : JSON.stringify(actual);
      return toOpenaiRefusal(`Invalid value: ${value}. Supported values are: ${wanted}.`, {
        param,
        code: 'invalid_value',
      });
    }
  }
}

const toolName = /^[a-zA-Z0-9_-]+$/u;
const toolNameCharsMax = 64;
const toolsMax = 128;

/** Refuses a bad function name. */
export function checkToolName(name: unknown, param: string): void {
  if (typeof name !== 'string') return;
  if (name.length > toolNameCharsMax) {
    throw toOpenaiRefusal(
      `Invalid '${param}': string too long. Expected a string with maximum length 64, but got a string with length ${String(name.length)} instead.`,
      { param, code: 'string_above_max_length' },
    );
  }
  if (!toolName.test(name)) {
    throw toOpenaiRefusal(
      `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
      { param, code: 'invalid_value' },
    );
  }
}

/** What both APIs ask of the tools; `isStrictRead`: strict schemas are held to it; `toFunction` finds the function's definition within a tool, and its path. */
export function checkTools(
  body: Json,
  isStrictRead: boolean,
  toFunction: (tool: Json) => { readonly definition: Json; readonly path: string } | undefined,
): void {
  const tools = toObjects(body['tools']);
  if (tools.length > toolsMax) {
    throw toOpenaiRefusal(
      `Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length ${String(tools.length)} instead.`,
      { param: 'tools', code: 'array_above_max_length' },
    );
  }
  tools.forEach((tool, index) => {
    const found = toFunction(tool);
    if (found === undefined) return;
    const { definition, path } = found;
    const param = `tools[${String(index)}]${path}`;
    checkToolName(definition['name'], `${param}.name`);
    const { parameters } = definition;
    if (isStrictRead && definition['strict'] === true)
      checkStrictSchema(parameters, `function '${String(definition['name'])}'`, `${param}.parameters`);
    else if (isObject(parameters) && 'type' in parameters && parameters['type'] !== 'object') {
      throw toInvalidSchema(
        `function '${String(definition['name'])}'`,
        `schema must be a JSON Schema of 'type: "object"', got 'type: "${String(parameters['type'])}"'.`,
        `${param}.parameters`,
      );
    }
  });
}

function toInvalidSchema(owner: string, what: string, param: string): VendorRefusal {
  return toOpenaiRefusal(`Invalid schema for ${owner}: ${what}`, {
    param,
    code: owner.startsWith('function') ? 'invalid_function_parameters' : 'invalid_json_schema',
  });
}

/** Refuses a strict schema whose objects are open or leave properties optional. */
export function checkStrictSchema(schema: unknown, owner: string, param: string): void {
  const visit = (node: unknown, context: readonly string[]): void => {
    if (!isObject(node)) return;
    const where = `In context=(${context.map((step) => `'${step}'`).join(', ')})`;
    const { properties } = node;
    if (isObject(properties) || node['type'] === 'object') {
      if (node['additionalProperties'] !== false) {
        throw toInvalidSchema(
          owner,
          `${where}, 'additionalProperties' is required to be supplied and to be false.`,
          param,
        );
      }
      const required = Array.isArray(node['required']) ? node['required'] : [];
      const missing = Object.keys(isObject(properties) ? properties : {}).find((key) => !required.includes(key));
      if (missing !== undefined) {
        throw toInvalidSchema(
          owner,
          `${where}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`,
          param,
        );
      }
    }
    for (const key of ['properties', '$defs', 'definitions']) {
      const children = node[key];
      if (isObject(children))
        Object.entries(children).forEach(([name, child]) => visit(child, [...context, key, name]));
    }
    visit(node['items'], [...context, 'items']);
    toObjects(node['anyOf']).forEach((child, index) => visit(child, [...context, 'anyOf', String(index)]));
  };
  visit(schema, []);
}

/** Refuses a `tool_choice` or `parallel_tool_calls` where there are no tools, and a choice of a tool that is not among them. */
export function checkToolChoice(body: Json, names: ReadonlySet<string>, chosen: unknown): void {
  const hasTools = Array.isArray(body['tools']) && body['tools'].length > 0;
  for (const name of ['tool_choice', 'parallel_tool_calls']) {
    const value = body[name];
    if (hasTools || value === undefined || value === null || value === 'none' || value === 'auto') continue;
    throw toOpenaiRefusal(`'${name}' is only allowed when 'tools' are specified.`, { param: name });
  }
  if (typeof chosen !== 'string' || names.has(chosen)) return;
  throw toOpenaiRefusal(`Tool choice '${chosen}' not found in 'tools' parameter.`, { param: 'tool_choice' });
}

/** Refuses arguments that are no JSON object; an empty string stands for none. */
export function checkArguments(value: unknown, param: string): void {
  if (typeof value !== 'string' || value === '') return;
  try {
    if (isObject(JSON.parse(value))) return;
  } catch {
    // Said below.
  }
  throw toOpenaiRefusal(`Invalid '${param}': expected a string that holds a JSON object.`, {
    param,
    code: 'invalid_value',
  });
}

/** Refuses an image that is neither a URL of the web nor a data URL of an image. */
export function checkImageUrl(url: unknown, param: string): void {
  if (typeof url !== 'string' || /^https?:\/\/\S+$/u.test(url)) return;
  if (/^data:image\/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=_-]+$/u.test(url)) return;
  throw toOpenaiRefusal(
    `Invalid '${param}'. Expected a valid URL or a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix or of another type.`,
    { param, code: 'invalid_value' },
  );
}

/** Refuses a file whose data is no data URL of a document. */
export function checkFileData(data: unknown, param: string): void {
  if (typeof data !== 'string') return;
  const [, type] = /^data:([^;,]+);base64,/u.exec(data) ?? [];
  if (type !== undefined && !/^(?:audio|video)\//u.test(type)) return;
  const got = type === undefined ? "a value without the 'data:' prefix" : `unsupported MIME type '${type}'`;
  throw toOpenaiRefusal(
    `Invalid file data: '${param}'. Expected a base64-encoded data URL with a valid file MIME type (e.g. 'data:text/plain;base64,SGVsbG8sIFdvcmxkIQ=='), but got ${got}.`,
    { param, code: 'invalid_value' },
  );
}
