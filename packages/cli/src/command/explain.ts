// `agentgateway explain METHOD URL`: which listener, route, rule and backend a request would meet, and which policies, and why.
import { uniteViews } from '@agentgateway/core/translate/unite.ts';
import type { RuleSettings } from '@agentgateway/core/settings.ts';
import {
  type ExplainedMirror,
  type ExplainedPolicy,
  type Explanation,
  explain,
  readQuestion,
} from '@agentgateway/proxy/admin/explain.ts';
import { openOffline } from '@agentgateway/proxy/offline.ts';
import { SettingsError } from '@agentgateway/proxy/settings.ts';
import { load, translate } from './config.ts';
import { outputOf, parse, textOf } from './options.ts';

const help = `agentgateway explain METHOD URL [-f FILE-OR-FOLDER] [flags]

  -f, --file PATH       the configuration; the embedded one when left out
  -H, --header NAME:V   a request header; may be repeated
  -m, --model NAME      the model that the body would name
  -o, --output FORMAT   text (the default) or json

Exit code 0: it would be served, 1: it would be refused, 2: wrong flags or configuration.
Example: agentgateway explain POST http://localhost:3000/v1/chat/completions -f config.yaml --model smart
`;

const options = {
  file: { type: 'string', short: 'f' },
  header: { type: 'string', short: 'H', multiple: true },
  model: { type: 'string', short: 'm' },
  output: { type: 'string', short: 'o' },
} as const;

/** Exit codes: 0 the request would reach a backend or be answered, 1 it would be refused, 2 wrong flags or configuration. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parse(args, { help, options, positionalsMax: 2 });
  if (!parsed) return 0;
  const [method, url] = parsed.positionals;
  if (method === undefined || url === undefined) throw new SettingsError(`a method and a URL are required\n\n${help}`);
  const output = outputOf(parsed);
  const headers = (parsed.values['header'] ?? []) as readonly string[];
  const question = readQuestion({ method, url, headers, model: textOf(parsed, 'model') });
  if (typeof question === 'string') throw new SettingsError(question);
  const loaded = load(textOf(parsed, 'file'));
  if (!loaded) return 2;
  const { snapshot, rejections } = await openOffline(uniteViews(translate(loaded).views));
  for (const { key, reason } of rejections) process.stderr.write(`${key}: ${reason}\n`);
  const explanation = explain(snapshot, question);
  process.stdout.write(output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : toText(explanation));
  return explanation.refusal ? 1 : 0;
}

function toText(explanation: Explanation): string {
  const {
    question,
    bind,
    listener,
    listenerDetail,
    route,
    rule,
    backends,
    mirrors,
    policies,
    steps,
    settings,
    refusal,
  } = explanation;
  const lines = [`${question.method} ${question.url}`, ''];
  const row = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') lines.push(`  ${name.padEnd(9)} ${value}`);
  };
  row('bind', bind);
  row('listener', listener);
  row('', listenerDetail);
  row('route', route);
  row('rule', rule);
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  for (const { key, weight, invalid, steps: own, detail, calling, mirrors: copies, settings: said } of backends) {
    const share = backends.length > 1 && total > 0 ? ` (${Math.round((100 * weight) / total)} %)` : '';
    row('backend', `${key}${share}${invalid === undefined ? '' : ` — invalid: ${invalid}`}`);
    for (const line of toDetailLines(detail)) row('', line);
    for (const line of toCallingLines(calling)) row('', line);
    for (const step of own) row('', `step ${step}`);
    for (const line of toTlsLines(said.backendTLS)) row('', line);
    for (const copy of copies) row('', `copies to ${toMirrorText(copy)}`);
  }
  for (const copy of mirrors) row('mirror', toMirrorText(copy));
  if (settings)
    row(
      'timeouts',
      Object.entries(settings.timeouts)
        .filter(([, value]) => value > 0)
        .map(([name, value]) => `${name.replace(/Ms$/, '')} ${value} ms`)
        .join(', '),
    );
  // Backends with endpoints tell it themselves.
  if (settings?.retry && backends.some(({ calling }) => !calling))
    row(
      'retry',
      `${settings.retry.attempts} more, on ${settings.retry.codes.join(', ') || 'failures to connect and time-outs'}`,
    );
  if (policies.length > 0) lines.push('', '  policies');
  for (const policy of policies) lines.push(...toPolicyLines(policy));
  for (const { key, policies: own } of backends) {
    if (own.length > 0) lines.push('', `  policies of ${key} alone`, ...own.flatMap(toPolicyLines));
  }
  if (steps.length > 0) lines.push('', '  steps, in order', ...steps.map((step) => `    ${step}`));
  lines.push('', refusal ? `  refused: ${refusal.reason}: ${refusal.message}` : '  would be served', '');
  return lines.join('\n');
}

function toMirrorText({ key, port, share }: ExplainedMirror): string {
  return `${key}${port > 0 ? ` port ${port}` : ''}, ${share}`;
}

/** How TLS is spoken to a backend, as far as policies say it. */
function toTlsLines(tls: RuleSettings['backendTLS']): string[] {
  if (!tls || tls.invalid !== undefined) return [];
  const names = tls.subjectAltNames.map(({ value }) => value).join(' or ') || tls.serverName || 'its own name';
  const trusted = tls.caCertificates.length > 0 ? 'certificates of its own' : 'what the system trusts';
  const verified = tls.isVerified ? `verified for ${names} by ${trusted}` : 'not verified';
  return [
    ...(tls.isSpoken ? [`TLS, ${verified}`] : []),
    ...(tls.clientCertificate ? ['with a client certificate where TLS is spoken'] : []),
  ];
}

function toPolicyLines({ kind, policies, winners, conflicted, why }: ExplainedPolicy): string[] {
  return [
    `    ${kind}: ${policies.join(', ') || 'none'}`,
    `      ${why}`,
    ...Object.entries(winners).map(([field, key]) => `      ${field} ← ${key}`),
    ...(conflicted.length > 0
      ? [`      without a part, because an older one has the target: ${conflicted.join(', ')}`]
      : []),
  ];
}

/** How a backend's endpoints are chosen and called, and by whose word. */
function toCallingLines(calling: Explanation['backends'][number]['calling']): string[] {
  if (!calling) return [];
  const { facts, endpoints } = calling;
  return [
    ...facts.map(
      ({ kind, says, policies }) => `${kind}: ${says}${policies.length > 0 ? ` ← ${policies.join(', ')}` : ''}`,
    ),
    `endpoints ${endpoints.map(({ address }) => address).join(', ') || 'none'}`,
  ];
}

/** What a backend says of itself; of an LLM backend, where the model's name leads. */
function toDetailLines(detail: object | undefined): string[] {
  if (!detail) return [];
  const { model, name, targets, models, ...rest } = detail as {
    model?: unknown;
    name?: unknown;
    targets?: readonly { readonly provider: string; readonly model: string; readonly restingMs?: number }[];
    models?: readonly string[];
  };
  if (models) return [`models ${models.join(', ') || 'none'}; --model NAME tells where one leads`];
  if (!targets) return Object.keys(rest).length > 0 ? [JSON.stringify(rest)] : [];
  return [
    `model ${String(model)}, served as ${String(name)}`,
    ...targets.map(({ provider, model: upstream, restingMs = 0, ...how }) => {
      const words = Object.entries(how)
        .filter(([, value]) => value !== undefined)
        .map(([word, value]) => `${word} ${String(value)}`);
      if (restingMs > 0) words.push(`left alone for ${restingMs} ms`);
      return `  → ${provider}/${upstream} (${words.join(', ')})`;
    }),
  ];
}
