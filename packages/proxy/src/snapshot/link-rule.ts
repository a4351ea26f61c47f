// A route's rules with their policies, filters and backends.
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import type { Route, RouteRule } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { phaseOrder } from '@agentgateway/core/phases.ts';
import type { RouterEntry } from '@agentgateway/core/route/router.ts';
import type { BackendTlsSettings, RuleSettings } from '@agentgateway/core/settings.ts';
import { type ExternalAuthPart, externalAuthStep } from '../pipeline/external-auth.ts';
import { type MirrorPart, mirrorStep, planMirror } from '../pipeline/mirror.ts';
import type { RulePart } from './compile.ts';
import { compileChoice } from './choose.ts';
import { toEntries } from './entries.ts';
import { placesOf } from './places.ts';
import type { OwnFilters } from './chain.ts';
import type { Level, LinkedChain, PolicyIndex, Use } from './policy-index.ts';
import type { BackendCertificate, BackendChoice, MirrorPlan, PlannedStep, RulePlan, StepPlan } from './snapshot.ts';

/** What one route is linked from for one listener. */
export interface RouteInputs {
  readonly key: string;
  readonly route: Route;
  /** The compiled rules, one object per version of the route. */
  readonly parts: readonly RulePart[];
  /** Key of the listener, and the levels above the route. */
  readonly listener: string;
  readonly levels: readonly Level[];
  readonly policies: PolicyIndex;
  /** What the listener's Gateway shows to backends that are spoken to in TLS. */
  readonly backendCertificate: BackendCertificate | undefined;
  readonly before: LinkedRoute | undefined;
}

/** Whose turn it is among a rule's backends, by their place. */
type Turn = () => { readonly index: number } | undefined;

/** A route as one listener serves it. */
export interface LinkedRoute {
  readonly parts: readonly RulePart[];
  readonly rules: readonly RulePlan[];
  readonly turns: readonly Turn[];
  readonly entries: readonly RouterEntry<RulePlan>[];
  /** What is held of the policy index. */
  readonly uses: readonly Use[];
}

/** Links every rule of a route, in order. */
export function linkRoute(inputs: RouteInputs): LinkedRoute {
  const { key, route, parts, listener, before } = inputs;
  // Whose turn it is does not depend on policies, so that an edit of one does not begin the round again.
  const turns =
    before?.parts === parts
      ? before.turns
      : route.rules.map(({ backends }) => compileChoice(backends.map(({ weight }, index) => ({ weight, index }))));
  const uses: Use[] = [];
  const rules = route.rules.map((rule, index) =>
    linkRule(inputs, { rule, index, part: parts[index]!, turn: turns[index]!, uses }),
  );
  return { parts, rules, turns, entries: toEntries(listener, key, route, rules), uses };
}

interface RuleInputs {
  readonly rule: RouteRule;
  readonly index: number;
  readonly part: RulePart;
  readonly turn: Turn;
  readonly uses: Use[];
}

function linkRule(
  { key, levels, policies, backendCertificate }: RouteInputs,
  { rule, index: place, part, turn, uses }: RuleInputs,
): RulePlan {
  const keep = (chain: LinkedChain): LinkedChain => {
    uses.push(...chain.uses);
    return chain;
  };
  const levelsOf: Level[] = [...levels, { level: 'route', target: key, section: '' }];
  if (rule.name !== '') levelsOf.push({ level: 'rule', target: key, section: rule.name });
  const chain = keep(policies.plan(levelsOf, { key, part: part.filters }));
  const reach = (levels: readonly Level[], filters?: OwnFilters): LinkedChain => {
    const own = keep(policies.planBackend(chain, levels, filters));
    return backendCertificate ? { ...own, settings: withCertificate(own.settings, backendCertificate) } : own;
  };
  const toMirrors = (parts: readonly MirrorPart[]): MirrorPlan[] =>
    parts.map((mirror) => {
      const { backend, port } = mirror.message;
      const own = reach(placesOf(backend, port));
      return planMirror(mirror, own.plan, own.settings);
    });
  const backends = rule.backends.map(({ backend, port, weight, invalid, protocol }, index): BackendChoice => {
    const filters = { key: `${key}#backendRefs[${index}]`, part: part.backendFilters[index]! };
    const own = reach(placesOf(backend, port), filters);
    const mirrors = toMirrors(part.backendMirrors[index]!);
    const check = invalid === '' ? policies.check(backend, port, own.settings) : undefined;
    if (check) uses.push(check);
    return {
      key: backend,
      port,
      weight,
      invalid: invalid === '' ? undefined : invalid,
      plan: withMirrors(own.plan, filters.key, mirrors),
      settings: own.settings,
      decisions: own.decisions,
      protocol: protocol === UpstreamProtocol.HTTP2 ? 'http2' : 'http1',
      mirrors,
    };
  });
  const toAuthStep = (auth: ExternalAuthPart): PlannedStep => {
    const { backend, port } = auth.message;
    const own = reach(placesOf(backend, port));
    const step = externalAuthStep(auth, own.plan, own.settings);
    return { policy: key, kind: 'externalAuth', phase: 'external-authorize', step };
  };
  const mirrors = toMirrors(part.mirrors);
  const choose = (): BackendChoice | undefined => {
    const next = turn();
    return next && backends[next.index];
  };
  const { settings, decisions } = chain;
  const asked = part.externalAuth ? withStep(chain.plan, toAuthStep(part.externalAuth)) : chain.plan;
  const plan = withMirrors(asked, key, mirrors);
  return {
    route: key,
    rule: rule.name,
    index: place,
    plan,
    settings,
    backends,
    choose,
    mirrors,
    externalAuth: part.externalAuth?.message.backend,
    decisions,
  };
}

/** A plan with its mirrors. */
function withMirrors(plan: StepPlan, policy: string, mirrors: readonly MirrorPlan[]): StepPlan {
  if (mirrors.length === 0) return plan;
  return withStep(plan, { policy, kind: 'requestMirror', phase: 'mirror', step: mirrorStep(mirrors) });
}

/** A plan with one more step at its place in the order of phases. */
function withStep({ steps }: StepPlan, added: PlannedStep): StepPlan {
  const later = steps.findIndex(({ phase }) => phaseOrder[phase] > phaseOrder[added.phase]);
  return { steps: later < 0 ? [...steps, added] : steps.toSpliced(later, 0, added) };
}

/** TLS of which only the certificate is said: whether it is spoken is the backend's to say. */
const onlyCertificate: BackendTlsSettings = {
  id: '',
  isSpoken: false,
  serverName: undefined,
  caCertificates: [],
  subjectAltNames: [],
  isVerified: true,
  clientCertificate: undefined,
  invalid: undefined,
};

/** The Gateway's certificate is shown where no policy names another (Gateway API GatewayBackendTLS). */
function withCertificate(settings: RuleSettings, { id, certificate, key }: BackendCertificate): RuleSettings {
  const said = settings.backendTLS ?? onlyCertificate;
  if (said.clientCertificate) return settings;
  return { ...settings, backendTLS: { ...said, id: `${said.id} ${id}`, clientCertificate: { certificate, key } } };
}
