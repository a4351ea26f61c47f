// Tools and tool choice of Responses, both ways.
import { isDeepStrictEqual } from 'node:util';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { readMember, readObject, requireString, toObject } from '../../hub/read.ts';
import type { Tool, ToolChoice } from '../../hub/request.ts';
import { type Form, takeResidue, writeNode } from '../../hub/residue.ts';
import { openaiNameCharsMax, toWireName } from '../../hub/tool-names.ts';
import { asObject } from '../../usage.ts';
import { type ResponsesWriter, noteCache, placeOf, selfWriter } from './content.ts';

/** A member of `tools`. Throws CodecError `invalid`. */
export function decodeTool(value: unknown, path: string): Tool {
  const raw = toObject(value, path);
  const type = requireString(raw, 'type', path);
  if (type !== 'function' && type !== 'custom')
    return { kind: 'hosted', format: 'responses', name: type, value: raw, path };
  const name = requireString(raw, 'name', path);
  const description = readMember(raw, 'description', 'string', path);
  const described = description === undefined ? {} : { description };
  const tool: Exclude<Tool, { kind: 'hosted' }> =
    type === 'function'
      ? { kind: 'function', name, ...described, ...readSchema(raw, path), path }
      : { kind: 'custom', name, ...described, ...readFormat(raw, path), path };
  const extra = takeResidue('responses', raw, toolForm(tool, selfWriter));
  return extra ? { ...tool, extra } : tool;
}

function readSchema(raw: JsonObject, path: string): { parameters?: JsonObject; strict?: boolean } {
  const parameters = readObject(raw, 'parameters', path);
  const strict = readMember(raw, 'strict', 'boolean', path);
  return { ...(parameters && { parameters }), ...(strict !== undefined && { strict }) };
}

function readFormat(raw: JsonObject, path: string): { format?: JsonObject } {
  const format = readObject(raw, 'format', path);
  return format ? { format } : {};
}

/** Writes a tool. Throws CodecError `unsupported` for tools that another provider runs itself. */
export function writeTool(tool: Tool, writer: ResponsesWriter): JsonObject {
  if (tool.kind === 'hosted') {
    if (tool.format === 'responses') return tool.value;
    throw new CodecError('unsupported', tool.path ?? '', `the tool ${tool.name} is run by another provider`);
  }
  if (tool.kind === 'function') noteCache(tool, writer);
  return writeNode(toolForm(tool, writer), tool.extra, placeOf(writer, tool.path));
}

function toolForm(tool: Exclude<Tool, { kind: 'hosted' }>, writer: ResponsesWriter): Form {
  const name = wireName(tool.name, writer);
  const { description } = tool;
  if (tool.kind === 'custom') return { derived: { type: 'custom', name, description, format: tool.format } };
  const { parameters, strict } = tool;
  // Without `strict` the API would be strict, which is more than clients of the other formats asked for.
  const defaults = writer.isOwn ? {} : { strict: false, parameters: { type: 'object', properties: {} } };
  return {
    derived: { type: 'function', name, description, parameters, strict },
    defaults: parameters ? { ...defaults, parameters: undefined } : defaults,
  };
}

/** A tool's name as it is sent: the client's own where the client speaks this format. */
export function wireName(name: string, writer: ResponsesWriter): string {
  return writer.isOwn ? name : toWireName(name, openaiNameCharsMax);
}

const modes: Readonly<Record<string, 'auto' | 'any' | 'none'>> = { auto: 'auto', required: 'any', none: 'none' };
const words = { auto: 'auto', any: 'required', none: 'none' } as const;

/** `tool_choice`; undefined for choices among the provider's own tools. */
export function decodeToolChoice(value: unknown): ToolChoice | undefined {
  if (typeof value === 'string') return modes[value] && { mode: modes[value] };
  const raw = asObject(value);
  const choice = raw && readChoice(raw);
  return choice && isDeepStrictEqual(writeToolChoice(choice, selfWriter), raw) ? choice : undefined;
}

function readChoice(raw: Readonly<JsonObject>): ToolChoice | undefined {
  const { type, name, mode, tools } = raw;
  if ((type === 'function' || type === 'custom') && typeof name === 'string') return { mode: 'tool', name, kind: type };
  if (type !== 'allowed_tools' || !Array.isArray(tools)) return undefined;
  const names = tools.map((tool) => asObject(tool)?.['name']).filter((each) => typeof each === 'string');
  return { mode: 'allowed', choice: mode === 'required' ? 'any' : 'auto', names };
}

/** Writes the choice. */
export function writeToolChoice(choice: ToolChoice, writer: ResponsesWriter): unknown {
  if (choice.mode === 'tool') return { type: choice.kind, name: wireName(choice.name, writer) };
  if (choice.mode !== 'allowed') return words[choice.mode];
  const tools = choice.names.map((name) => ({ type: 'function', name: wireName(name, writer) }));
  return { type: 'allowed_tools', mode: choice.choice === 'any' ? 'required' : 'auto', tools };
}
