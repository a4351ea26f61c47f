// What Anthropic's models take and refuse, by their names; other rules are the same for all of them.
import { isObject, toObjects } from './json.ts';
import { toAnthropicRefusal } from './refusal.ts';

type Json = Record<string, unknown>;

/** Names: a family and a version, in either order, and a date or `latest`. */
const claudeName = /^claude-(?:[a-z]+-\d(?:-\d)?|\d(?:-\d)?-[a-z]+)(?:-\d{8}|-latest)?$/u;

/** Whether Anthropic serves a model of this name. */
export function isClaudeModel(model: string): boolean {
  return claudeName.test(model);
}

/** What a model can do; 4.5 is 45. */
interface Claude {
  readonly family: string;
  readonly version: number;
}

function parseClaude(model: string): Claude {
  const [, family = '', major = '0', minor = '0'] =
    /^claude-([a-z]+)-(\d)(?:-(\d)(?!\d))?/u.exec(model) ?? /^claude-()(\d)(?:-(\d)(?!\d))?/u.exec(model) ?? [];
  return { family, version: Number(major) * 10 + Number(minor) };
}

/** Refuses what the model of a request does not take (platform.claude.com: migration guides, effort, adaptive thinking). */
export function checkClaudeRules(body: Json): void {
  const { family, version } = parseClaude(String(body['model']));
  const { thinking, output_config: output } = body;
  const thinkingType = isObject(thinking) ? thinking['type'] : undefined;
  if (version >= 47) checkSamplingDropped(body);
  else if (version >= 41 && typeof body['temperature'] === 'number' && typeof body['top_p'] === 'number') {
    throw toAnthropicRefusal('`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  }
  if (version >= 47 && thinkingType === 'enabled') {
    throw toAnthropicRefusal(
      '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
    );
  }
  if (version < 46 && thinkingType === 'adaptive') {
    throw toAnthropicRefusal('adaptive thinking is not supported on this model');
  }
  const hasEffort = version >= 46 || (family === 'opus' && version >= 45);
  if (!hasEffort && isObject(output) && output['effort'] !== undefined && output['effort'] !== null) {
    throw toAnthropicRefusal('This model does not support the effort parameter.');
  }
  if (version >= 46 && toObjects(body['messages']).at(-1)?.['role'] === 'assistant') {
    throw toAnthropicRefusal(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
}

/** From 4.7 on, only the defaults are taken. */
function checkSamplingDropped(body: Json): void {
  for (const name of ['temperature', 'top_p', 'top_k']) {
    const value = body[name];
    if (typeof value !== 'number' || (value === 1 && name !== 'top_k')) continue;
    throw toAnthropicRefusal(`\`${name}\` is deprecated for this model.`);
  }
}
