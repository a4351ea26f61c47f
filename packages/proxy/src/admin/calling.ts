// How a backend's endpoints would be chosen and called, in words, and which policies say so.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { HealthCheck, RuleSettings } from '@agentgateway/core/settings.ts';
import type { PortFacts, Target } from '@agentgateway/core/target.ts';
import type { BackendChoice, PolicyDecision, Snapshot } from '../snapshot/snapshot.ts';

/** One thing that is said of calls, and by whom; no policies where it holds by default. */
export interface CallingFact {
  readonly kind: 'protocol' | 'picker' | 'health' | 'sessionAffinity' | 'hostRewrite' | 'retry';
  readonly says: string;
  readonly policies: readonly string[];
}

/** How a backend is called. */
export interface Calling {
  readonly facts: readonly CallingFact[];
  /** The endpoints of the port, and how they are now. */
  readonly endpoints: PortFacts['endpoints'];
}

/** Explains the calls of a rule to one of its backends; undefined where it has no endpoints that are chosen. */
export function explainCalling(
  { key, port, settings, decisions, protocol }: BackendChoice,
  ruleDecisions: readonly PolicyDecision[],
  snapshot: Snapshot,
): Calling | undefined {
  const target = snapshot.backend(key);
  if (!target?.ports) return undefined;
  const from = (kind: string): readonly string[] =>
    // What is said for the backend holds what is said above it.
    [decisions, ruleDecisions].map((all) => all.find((decision) => decision.kind === kind)).find(Boolean)?.policies ??
    [];
  const facts = factsOf(settings).map((fact): CallingFact => ({ ...fact, policies: from(fact.kind) }));
  const spoken = spokenTo(target, { port, settings, protocol }, snapshot);
  if (spoken !== undefined) facts.unshift({ kind: 'protocol', says: spoken, policies: from('backendTLS') });
  return { facts, endpoints: target.ports(snapshot).find((held) => held.port === port)?.endpoints ?? [] };
}

/** What is spoken, and to which name over TLS. */
function spokenTo(
  target: Target,
  { port, settings, protocol }: Pick<BackendChoice, 'port' | 'settings' | 'protocol'>,
  snapshot: Snapshot,
): string | undefined {
  try {
    const reach = target.reach?.(snapshot, port, settings.backendTLS, protocol);
    if (!reach) return undefined;
    const version = reach.protocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1';
    return reach.tls ? `${version} over TLS with ${reach.tls.serverName}` : version;
  } catch (error) {
    // Nothing is: calls fail with these words.
    return GatewayError.from(error).message;
  }
}

function factsOf({ health, sessionAffinity, hostRewrite, retry }: RuleSettings): Omit<CallingFact, 'policies'>[] {
  const facts: Omit<CallingFact, 'policies'>[] = [
    { kind: 'picker', says: 'the endpoint whose turn it is by weight, or another by chance if that has less to do' },
  ];
  if (sessionAffinity)
    facts.push({
      kind: 'sessionAffinity',
      says:
        sessionAffinity.kind === 'hash'
          ? `equal values of ${sessionAffinity.by} go to the same endpoint`
          : `a sealed ${sessionAffinity.type} ${sessionAffinity.sessionName || 'named after the rule'} keeps a client at its endpoint`,
    });
  if (health) facts.push({ kind: 'health', says: healthOf(health) });
  if (hostRewrite)
    facts.push({
      kind: 'hostRewrite',
      says:
        hostRewrite.kind === 'auto'
          ? 'the backend is told its own name'
          : `the backend is told ${hostRewrite.kind === 'hostname' ? hostRewrite.hostname : `the value of ${hostRewrite.header}`}`,
    });
  if (retry) facts.push({ kind: 'retry', says: retryOf(retry) });
  return facts;
}

function healthOf({ passive, active, panicPercent }: NonNullable<RuleSettings['health']>): string {
  const parts: string[] = [];
  if (passive)
    parts.push(
      `left alone after ${passive.failures} failures in a row for ${passive.backoffMs} ms, doubling to ${passive.backoffMaxMs} ms, ` +
        `at most ${passive.ejectionPercentMax} %`,
    );
  if (active) parts.push(`asked ${toWords(active.check)} every ${active.intervalMs} ms`);
  parts.push(`all are asked while fewer than ${panicPercent} % are well`);
  return parts.join('; ');
}

function toWords(check: HealthCheck): string {
  switch (check.kind) {
    case 'http':
      return `${check.method} ${check.path}`;
    case 'grpc':
      return `grpc.health.v1 for ${check.service || 'the server'}`;
    case 'tcp':
      return 'for a connection';
  }
}

function retryOf({ attempts, codes, backoffMs, budget }: NonNullable<RuleSettings['retry']>): string {
  if (attempts === 0) return 'never';
  const on = ['failures to connect', 'time-outs', ...codes].join(', ');
  const within = budget
    ? `, while retries are no more than ${budget.percent} % of the requests of ${budget.intervalMs} ms`
    : '';
  return `${attempts} more on ${on}, ${backoffMs} ms apart or more${within}`;
}
