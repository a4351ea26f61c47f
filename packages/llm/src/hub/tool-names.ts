// Names and ids of tools that a provider's pattern refuses, mapped so that the request alone tells the way back.
import { createHash } from 'node:crypto';
import type { HubRequest } from './request.ts';

/** Longest name of a tool that OpenAI takes. */
export const openaiNameCharsMax = 64;

/** Longest name of a tool that Anthropic takes. */
export const anthropicNameCharsMax = 128;

/** Longest id of a tool call that every provider takes. */
const idCharsMax = 64;

const hashChars = 8;

/** The name to send: itself where the pattern `[A-Za-z0-9_-]` and the length allow it, else a readable rest of it and a hash. */
export function toWireName(name: string, charsMax: number): string {
  if (name.length <= charsMax && /^[A-Za-z0-9_-]+$/.test(name)) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, hashChars);
  return `${name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, charsMax - hashChars - 1)}_${hash}`;
}

/** The id of a call to send; call and result come to the same one. */
export function toWireId(id: string): string {
  return toWireName(id, idCharsMax);
}

/** The name the client knows for one that a model called: the way back of {@link toWireName} for the request's own tools. */
export function toClientName(name: string, request: HubRequest): string {
  for (const tool of request.tools ?? []) {
    if (tool.kind === 'hosted' || tool.name === name) continue;
    const isSent =
      toWireName(tool.name, openaiNameCharsMax) === name || toWireName(tool.name, anthropicNameCharsMax) === name;
    if (isSent) return tool.name;
  }
  return name;
}
