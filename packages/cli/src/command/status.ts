// `agentgateway status`: what a running gateway says of its configuration, from its admin port.
import { SettingsError } from '@agentgateway/proxy/settings.ts';
import { count } from './config.ts';
import { parse, textOf } from './options.ts';

const help = `agentgateway status [--admin URL] [-o text|json]

      --admin URL       the gateway's admin port (http://127.0.0.1:15000)
  -o, --output FORMAT   text (the default) or json

Exit code 0: everything accepted, 1: something is not, or no gateway answers.
`;

/** How long the admin port may take. */
const timeoutMs = 5000;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface Status {
  readonly listening: readonly string[];
  readonly generation: number;
  readonly ready: boolean;
  readonly waitingFor: readonly string[];
  readonly bindErrors: Readonly<Record<string, string>>;
  readonly refused: readonly {
    readonly file: string;
    readonly line?: number;
    readonly path: string;
    readonly message: string;
  }[];
  readonly issues: readonly { readonly object: string; readonly path: string; readonly message: string }[];
  readonly statuses: readonly {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly status: unknown;
  }[];
}

/** Exit codes: 0 all well, 1 something is not accepted or nothing answers, 2 wrong flags. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parse(args, { admin: { type: 'string' }, output: { type: 'string', short: 'o' } }, help);
  if (!parsed) return 0;
  const admin = textOf(parsed, 'admin') ?? 'http://127.0.0.1:15000';
  const output = textOf(parsed, 'output') ?? 'text';
  if (output !== 'text' && output !== 'json')
    throw new SettingsError(`--output is '${output}'; it must be text or json`);
  let status: Status;
  try {
    const answer = await fetch(`${admin}/status`, { signal: AbortSignal.timeout(timeoutMs) });
    status = (await answer.json()) as Status;
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    process.stderr.write(
      `no gateway answers at ${admin} (${why}); start one with \`agentgateway run\`, or name its port with --admin\n`,
    );
    return 1;
  }
  process.stdout.write(output === 'json' ? `${JSON.stringify(status, null, 2)}\n` : toText(status));
  const isWell =
    status.issues.length === 0 && status.refused.length === 0 && Object.keys(status.bindErrors).length === 0;
  return isWell ? 0 : 1;
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
    lines.push(`${bad.length === 0 ? '  ok ' : '  NOT'} ${kind} ${namespace}/${name}`);
    for (const { place, condition } of bad) {
      lines.push(`        ${place}${condition.type}=${condition.status} ${condition.reason}: ${condition.message}`);
    }
  }
  for (const [listener, why] of Object.entries(status.bindErrors)) lines.push(`  NOT ${listener}: ${why}`);
  if (status.refused.length > 0) {
    lines.push(
      '',
      `the last edit was refused (${count(status.refused.length, 'problem')}); the configuration before it is running:`,
    );
    for (const { file, line, path, message } of status.refused)
      lines.push(`  ${file}:${line ?? ''} ${path}: ${message}`);
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
  const isInverted = type === 'Conflicted' || type === 'PartiallyInvalid' || type === 'OverlappingTLSConfig';
  return isInverted ? status === 'True' : status !== 'True';
}
