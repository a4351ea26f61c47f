// `agentgateway status`: what a running gateway says of its configuration, from its admin port.
import type { ConfigProblem } from '@agentgateway/core/config/load.ts';
import { formatIssue } from '@agentgateway/core/translate/issue.ts';
import type { Condition, Issue, ObjectStatus } from '@agentgateway/core/world.ts';
import { SettingsError } from '@agentgateway/proxy/settings.ts';
import { formatProblem } from '@agentgateway/proxy/source/source.ts';
import { count } from './config.ts';
import { outputOf, parse, textOf } from './options.ts';

const help = `agentgateway status [--admin URL] [-o text|json]

      --admin URL       the gateway's admin port (http://127.0.0.1:15000)
  -o, --output FORMAT   text (the default) or json

Exit code 0: everything accepted, 1: something is not, or no gateway answers, 2: wrong flags.
`;

const adminDefault = 'http://127.0.0.1:15000';
/** How long the admin port may take. */
const timeoutMs = 5000;

interface Status {
  readonly listening: readonly string[];
  readonly generation: number;
  readonly ready: boolean;
  readonly waitingFor: readonly string[];
  readonly bindErrors: Readonly<Record<string, string>>;
  readonly refused: readonly ConfigProblem[];
  readonly issues: readonly Issue[];
  readonly statuses: readonly Pick<ObjectStatus, 'kind' | 'namespace' | 'name' | 'status'>[];
}

/** Exit codes: 0 all well, 1 something is not accepted or nothing answers, 2 wrong flags. */
export async function run(args: readonly string[]): Promise<number> {
  const options = { admin: { type: 'string' }, output: { type: 'string', short: 'o' } } as const;
  const parsed = parse(args, { help, options, positionalsMax: 0 });
  if (!parsed) return 0;
  const output = outputOf(parsed);
  const status = await ask(toBase(textOf(parsed, 'admin')));
  if (typeof status === 'string') {
    process.stderr.write(`${status}\n`);
    return 1;
  }
  process.stdout.write(output === 'json' ? `${JSON.stringify(status, null, 2)}\n` : toText(status));
  const { ready, issues, refused, bindErrors } = status;
  const isWell = ready && issues.length === 0 && refused.length === 0 && Object.keys(bindErrors).length === 0;
  return isWell && status.statuses.every(({ status: own }) => conditionsIn(own).every((found) => !found.isBad)) ? 0 : 1;
}

/** The admin port's URL, without a slash at its end; `host:port` and a port alone do. */
function toBase(text = adminDefault): string {
  const url = /^[0-9]+$/.test(text) ? `http://127.0.0.1:${text}` : /^https?:\/\//.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url)) throw new SettingsError(`--admin is '${text}'; it must be a URL such as ${adminDefault}`);
  return url.replace(/\/+$/, '');
}

/** Asks; a text says why there is no answer. */
async function ask(base: string): Promise<Status | string> {
  const advice = 'start one with `agentgateway run`, or name its admin port with --admin';
  let answer: Response;
  try {
    answer = await fetch(`${base}/status`, { signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = cause instanceof Error ? cause.message : String(cause);
    return `no gateway answers at ${base} (${why}); ${advice}`;
  }
  const body: unknown = await answer.json().catch(() => undefined);
  if (answer.ok && isStatus(body)) return body;
  const told = typeof body === 'object' && body !== null && 'error' in body ? `: ${String(body.error)}` : '';
  return `what answers at ${base} is no gateway's admin port (status ${answer.status}${told}); ${advice}`;
}

function isStatus(body: unknown): body is Status {
  if (typeof body !== 'object' || body === null) return false;
  const lists = ['listening', 'waitingFor', 'refused', 'issues', 'statuses'];
  const fields = new Map<string, unknown>(Object.entries(body));
  return lists.every((name) => Array.isArray(fields.get(name))) && typeof fields.get('bindErrors') === 'object';
}

function toText(status: Status): string {
  const state = status.ready ? 'ready' : `not ready, waiting for ${status.waitingFor.join(', ')}`;
  const lines = [
    `${state}; listening on ${status.listening.join(', ') || 'nothing'}; configuration ${status.generation}`,
    '',
  ];
  for (const { kind, namespace, name, status: own } of status.statuses) {
    const conditions = conditionsIn(own);
    const bad = conditions.filter(({ isBad }) => isBad);
    const notes = conditions.filter(({ condition }) => isNote(condition));
    lines.push(`${bad.length === 0 ? '  ok ' : '  NOT'} ${kind} ${namespace}/${name}`);
    for (const { place, condition } of bad) {
      lines.push(`        ${place}${condition.type}=${condition.status} ${condition.reason}: ${condition.message}`);
    }
    for (const { place, condition } of notes)
      lines.push(`        note: ${place}${condition.type}: ${condition.message}`);
  }
  for (const [listener, why] of Object.entries(status.bindErrors)) lines.push(`  NOT ${listener}: ${why}`);
  if (status.issues.length > 0) {
    lines.push('', count(status.issues.length, 'problem'), ...status.issues.map((issue) => `  ${formatIssue(issue)}`));
  }
  if (status.refused.length > 0) {
    lines.push(
      '',
      `the last edit was refused (${count(status.refused.length, 'problem')}); the configuration before it is running:`,
    );
    for (const problem of status.refused) lines.push(`  ${formatProblem(problem)}`);
  }
  return `${lines.join('\n')}\n`;
}

interface Found {
  readonly place: string;
  readonly condition: Condition;
  readonly isBad: boolean;
}

/** Conditions wherever a kind's status keeps them: its own, its listeners', its parents', its ancestors'. */
function conditionsIn(value: unknown, place = ''): Found[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) =>
      conditionsIn(item, `${place.replace(/: $/, '')}[${nameOf(item) ?? index}]: `),
    );
  return Object.entries(value).flatMap(([field, inner]) => {
    if (field !== 'conditions' || !Array.isArray(inner)) return conditionsIn(inner, field);
    return (inner as Condition[]).map((condition) => ({ place, condition, isBad: isBad(condition) }));
  });
}

function nameOf(item: unknown): string | undefined {
  const named = item as { name?: unknown; parentRef?: { name?: unknown }; ancestorRef?: { name?: unknown } } | null;
  const name = named?.name ?? named?.parentRef?.name ?? named?.ancestorRef?.name;
  return typeof name === 'string' ? name : undefined;
}

/** Most conditions are good when true; these are good when false. */
function isBad({ type, status }: Condition): boolean {
  if (notable.has(type)) return false;
  const isInverted = type === 'Conflicted' || type === 'PartiallyInvalid';
  return isInverted ? status === 'True' : status !== 'True';
}

/** What is as it was asked for, and worth knowing. */
const notable: ReadonlySet<string> = new Set(['OverlappingTLSConfig', 'InsecureFrontendValidationMode']);

function isNote({ type, status }: Condition): boolean {
  return notable.has(type) && status === 'True';
}
