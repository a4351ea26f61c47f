// Tools and tool choice of Chat Completions, both ways, with the older `functions` and `function_call`.
import { isDeepStrictEqual } from 'node:util';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { join, readMember, readObject, requireString, toObject } from '../../hub/read.ts';
import type { Tool, ToolChoice } from '../../hub/request.ts';
import { type Form, hasToken, takeResidue, writeNode } from '../../hub/residue.ts';
import { openaiNameCharsMax, toWireName } from '../../hub/tool-names.ts';
import { asObject } from '../../usage.ts';
import { type ChatWriter, cacheControl, decodeCacheControl, placeOf } from './content.ts';

/** A member of `tools`. Throws CodecError `invalid`. */
export function decodeTool(value: unknown, path: string, writer: ChatWriter): Tool {
  const raw = toObject(value, path);
  const type = readMember(raw, 'type', 'string', path) ?? 'function';
  if (type !== 'function' && type !== 'custom') return { kind: 'hosted', format: 'chat', name: type, value: raw, path };
  const tool = type === 'function' ? readFunction(raw, path) : readCustom(raw, path);
  const extra = takeResidue('chat', raw, toolForm(tool, writer));
  return extra ? { ...tool, extra } : tool;
}

/** A member of the older `functions`. Throws CodecError `invalid`. */
export function decodeFunction(value: unknown, path: string): Tool {
  const raw = toObject(value, path);
  const tool = readDeclaration(raw, path);
  const extra = takeResidue('chat', raw, { derived: declarationOf(tool) }, ['functions']);
  return extra ? { ...tool, extra } : tool;
}

type FunctionTool = Extract<Tool, { kind: 'function' }>;
type CustomTool = Extract<Tool, { kind: 'custom' }>;

function readFunction(raw: JsonObject, path: string): FunctionTool {
  const cache = decodeCacheControl(raw);
  const declared = readDeclaration(toObject(raw['function'], join(path, 'function')), join(path, 'function'));
  return { ...declared, ...(cache && { cache }), path };
}

function readDeclaration(raw: JsonObject, path: string): FunctionTool {
  const description = readMember(raw, 'description', 'string', path);
  const parameters = readObject(raw, 'parameters', path);
  const strict = readMember(raw, 'strict', 'boolean', path);
  return {
    kind: 'function',
    name: requireString(raw, 'name', path),
    ...(description !== undefined && { description }),
    ...(parameters && { parameters }),
    ...(strict !== undefined && { strict }),
    path,
  };
}

function readCustom(raw: JsonObject, path: string): CustomTool {
  const at = join(path, 'custom');
  const custom = toObject(raw['custom'], at);
  const description = readMember(custom, 'description', 'string', at);
  const format = readObject(custom, 'format', at);
  return {
    kind: 'custom',
    name: requireString(custom, 'name', at),
    ...(description !== undefined && { description }),
    ...(format && { format: toFlatFormat(format) }),
    path,
  };
}

/** Chat nests a grammar's members, Responses has them flat; the hub has them flat. */
function toFlatFormat(format: JsonObject): JsonObject {
  const grammar = asObject(format['grammar']);
  if (format['type'] !== 'grammar' || !grammar) return format;
  return { type: 'grammar', ...grammar };
}

function toNestedFormat(format: JsonObject): JsonObject {
  if (format['type'] !== 'grammar') return format;
  const { type, ...grammar } = format;
  return { type, grammar };
}

/** Writes a tool. Throws CodecError `unsupported` for tools that another provider runs itself. */
export function writeTool(tool: Tool, writer: ChatWriter): JsonObject {
  if (tool.kind === 'hosted') {
    if (tool.format === 'chat') return tool.value;
    throw new CodecError('unsupported', tool.path ?? '', `the tool ${tool.name} is run by another provider`);
  }
  return writeNode(toolForm(tool, writer), tool.extra, placeOf(writer, tool.path));
}

/** Writes a member of the older `functions`. */
export function writeFunction(tool: Tool, writer: ChatWriter): JsonObject {
  if (tool.kind !== 'function') return writeTool(tool, writer);
  return writeNode({ derived: declarationOf(tool) }, tool.extra, placeOf(writer, tool.path));
}

/** Whether a tool came in the older `functions`. */
export function isLegacyTool(tool: Tool): boolean {
  return tool.kind === 'function' && hasToken(tool.extra, 'chat', 'functions');
}

function toolForm(tool: FunctionTool | CustomTool, writer: ChatWriter): Form {
  if (tool.kind === 'custom') {
    const { name, description, format } = tool;
    const custom = { name: wireName(name, writer), description, ...(format && { format: toNestedFormat(format) }) };
    return { derived: { type: 'custom', custom } };
  }
  const declaration = { ...declarationOf(tool), name: wireName(tool.name, writer) };
  // Some vendors refuse a function without a schema.
  const defaults = tool.parameters || writer.isOwn ? {} : { parameters: { type: 'object', properties: {} } };
  return {
    derived: { type: 'function', function: declaration, cache_control: cacheControl(tool.cache, writer, tool.path) },
    defaults: { function: defaults },
  };
}

function declarationOf({ name, description, parameters, strict }: FunctionTool): JsonObject {
  return { name, description, parameters, strict };
}

/** A tool's name as it is sent: the client's own where the client speaks this format. */
export function wireName(name: string, writer: ChatWriter): string {
  return writer.isOwn ? name : toWireName(name, openaiNameCharsMax);
}

const choiceWords: Readonly<Record<string, 'auto' | 'any' | 'none'>> = {
  auto: 'auto',
  required: 'any',
  any: 'any',
  none: 'none',
};

const choiceOfMode = { auto: 'auto', any: 'required', none: 'none' } as const;

/** `tool_choice`, or the older `function_call`; undefined for forms that only the vendor knows. */
export function decodeToolChoice(value: unknown, writer: ChatWriter): ToolChoice | undefined {
  if (typeof value === 'string') {
    const mode = choiceWords[value];
    if (!mode) return undefined;
    return value === choiceOfMode[mode] ? { mode } : { mode, extra: { format: 'chat', fields: {}, shape: value } };
  }
  const raw = asObject(value);
  const choice = raw && readChoice(raw);
  if (!raw || !choice) return undefined;
  const extra = takeResidue('chat', raw, choiceForm(choice, writer));
  return extra ? { ...choice, extra } : choice;
}

function readChoice(raw: JsonObject): ToolChoice | undefined {
  const kind = raw['type'] === 'custom' ? 'custom' : 'function';
  const name = asObject(raw[kind])?.['name'];
  if (typeof name === 'string') return { mode: 'tool', name, kind };
  const allowed = asObject(raw['allowed_tools']);
  if (!Array.isArray(allowed?.['tools'])) return undefined;
  const names = allowed['tools'].map((tool) => asObject(asObject(tool)?.['function'])?.['name']);
  if (!names.every((each) => typeof each === 'string')) return undefined;
  const tools = names.map((each) => ({ type: 'function', function: { name: each } }));
  // A subset with other kinds of tools, or more said of them, is the vendor's own matter.
  if (!isDeepStrictEqual(tools, allowed['tools'])) return undefined;
  return { mode: 'allowed', choice: allowed['mode'] === 'required' ? 'any' : 'auto', names };
}

/** The older `function_call` of a request. */
export function decodeFunctionChoice(value: unknown): ToolChoice | undefined {
  const extra = { format: 'chat', fields: {}, shape: 'function_call' } as const;
  if (value === 'auto' || value === 'none') return { mode: value, extra };
  const name = asObject(value)?.['name'];
  return typeof name === 'string' && Object.keys(asObject(value)!).length === 1
    ? { mode: 'tool', name, kind: 'function', extra }
    : undefined;
}

/** Writes the choice: a word or an object, as the member named. */
export function writeToolChoice(choice: ToolChoice, writer: ChatWriter): JsonObject {
  if (hasToken(choice.extra, 'chat', 'function_call'))
    return { function_call: choice.mode === 'tool' ? { name: choice.name } : choice.mode };
  if (choice.mode === 'tool' || choice.mode === 'allowed')
    return { tool_choice: writeNode(choiceForm(choice, writer), choice.extra, placeOf(writer, 'tool_choice')) };
  const shape = choice.extra?.format === 'chat' ? choice.extra.shape : undefined;
  const isKept = shape !== undefined && choiceWords[shape] === choice.mode;
  return { tool_choice: isKept ? shape : choiceOfMode[choice.mode] };
}

function choiceForm(choice: ToolChoice, writer: ChatWriter): Form {
  if (choice.mode === 'tool')
    return { derived: { type: choice.kind, [choice.kind]: { name: wireName(choice.name, writer) } } };
  if (choice.mode !== 'allowed') return { derived: {} };
  const tools = choice.names.map((name) => ({ type: 'function', function: { name: wireName(name, writer) } }));
  return {
    derived: {
      type: 'allowed_tools',
      allowed_tools: { mode: choice.choice === 'any' ? 'required' : 'auto', tools },
    },
  };
}
