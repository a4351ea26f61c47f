// Tools and the choice among them to an Anthropic Messages request.
import type { RequestContext } from '../../hub/codec.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { isOwn } from '../../hub/notes.ts';
import type { HubRequest, Tool, ToolChoice } from '../../hub/request.ts';
import { anthropicNameCharsMax, toWireName } from '../../hub/tool-names.ts';
import { keepFields } from './encode-block.ts';
import { cacheMember } from './own.ts';

/** The members `tools` and `tool_choice`, ready to be spread. Throws CodecError `unsupported` for tools that only another format has. */
export function encodeTools(request: HubRequest, context: RequestContext): JsonObject {
  const { toolChoice } = request;
  const allowed = toolChoice?.mode === 'allowed' ? new Set(toolChoice.names) : undefined;
  if (allowed)
    context.note({
      path: 'tool_choice',
      message: 'the allowed tools are sent and the others left out: Anthropic has no subset',
    });
  const declared = request.tools?.filter((tool) => !allowed || tool.kind === 'hosted' || allowed.has(tool.name));
  const again = declared?.length ? [] : calledNames(request);
  if (again.length > 0) {
    context.note({
      path: 'tools',
      message: 'tools that the conversation called are declared again, and may not be called',
    });
    return {
      tools: again.map((name) => ({
        name: toWireName(name, anthropicNameCharsMax),
        description: 'Was available earlier in this conversation.',
        input_schema: { type: 'object', properties: {} },
      })),
      tool_choice: { type: 'none' },
    };
  }
  const choice = encodeChoice(request, context);
  return {
    ...(declared && { tools: declared.map((tool) => encodeTool(tool, context)) }),
    ...(choice && { tool_choice: choice }),
  };
}

/** Names that turns of another format call: Anthropic wants them declared. */
function calledNames({ turns }: HubRequest): string[] {
  const parts = turns.filter((turn) => !isOwn(turn, 'messages')).flatMap(({ parts }) => parts);
  return [...new Set(parts.flatMap((part) => (part.type === 'toolCall' ? [part.name] : [])))];
}

function encodeTool(tool: Tool, { note }: RequestContext): JsonObject {
  const { path = 'tools' } = tool;
  if (tool.kind === 'hosted') {
    if (tool.format === 'messages') return tool.value;
    throw new CodecError(
      'unsupported',
      path,
      `the tool ${tool.name} is run by the provider, and no other provider has it`,
    );
  }
  if (tool.kind === 'custom')
    throw new CodecError('unsupported', path, 'custom tools have no counterpart in messages: declare a function');
  const owned = isOwn(tool, 'messages');
  return {
    name: owned ? tool.name : toWireName(tool.name, anthropicNameCharsMax),
    ...(tool.description !== undefined && { description: tool.description }),
    ...(tool.parameters ? { input_schema: owned ? tool.parameters : { type: 'object', ...tool.parameters } } : {}),
    ...(!owned && !tool.parameters && { input_schema: { type: 'object', properties: {} } }),
    ...(tool.strict !== undefined && { strict: tool.strict }),
    ...cacheMember(tool.cache),
    ...keepFields(tool, note),
  };
}

function encodeChoice(request: HubRequest, { note }: RequestContext): JsonObject | undefined {
  const { toolChoice, parallelToolCalls } = request;
  if (!toolChoice) {
    const isSerial = parallelToolCalls === false && request.tools !== undefined && request.tools.length > 0;
    return isSerial ? { type: 'auto', disable_parallel_tool_use: true } : undefined;
  }
  const choice = { ...toChoice(toolChoice), ...keepFields({ ...toolChoice, path: 'tool_choice' }, note) };
  if (toolChoice.mode === 'none' && !isOwn(toolChoice, 'messages')) return choice;
  return { ...choice, ...(parallelToolCalls !== undefined && { disable_parallel_tool_use: !parallelToolCalls }) };
}

function toChoice(choice: ToolChoice): JsonObject {
  switch (choice.mode) {
    case 'tool':
      return {
        type: 'tool',
        name: isOwn(choice, 'messages') ? choice.name : toWireName(choice.name, anthropicNameCharsMax),
      };
    case 'allowed':
      return { type: choice.choice };
    default:
      return { type: choice.mode };
  }
}
