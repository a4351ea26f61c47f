// What tests of policies are made of: exchanges by hand, and the way from what users write to what runs.
import { Body } from '../body.ts';
import type { Environment, SecretReference } from '../environment.ts';
import { Exchange, type ExchangeHead, type Placement, type Reply } from '../exchange.ts';
import { HeaderList } from '../header-list.ts';
import type { Step } from '../phases.ts';
import type { AnyPolicyDefinition, PolicyKind, PolicyMessage, Problem } from './define.ts';
import { policies } from './registry.ts';

/** A head by hand; what is left out is a plain GET. */
export interface HeadInput extends Partial<Omit<ExchangeHead, 'headers' | 'body'>> {
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly placement?: Partial<Placement>;
}

/** An exchange that has just arrived. */
export function makeExchange({ headers = [], body, placement, ...head }: HeadInput = {}): Exchange {
  const exchange = new Exchange(
    {
      id: 'exchange-1',
      method: 'GET',
      scheme: 'http',
      authority: 'api.example.com',
      path: '/',
      query: undefined,
      httpVersion: '1.1',
      headers: HeaderList.from(headers),
      body: body === undefined ? Body.none() : Body.of(body),
      client: { address: '192.0.2.7', port: 40_000 },
      tls: undefined,
      startMs: 0,
      startEpochMs: 1_800_000_000_000,
      ...head,
    },
    { generation: 0, backend: () => undefined, endpoints: () => undefined },
  );
  exchange.placement = { ...exchange.placement, ...placement };
  return exchange;
}

/** A reply as a backend gives it. */
export function makeReply(status = 200, headers: readonly (readonly [string, string])[] = [], body?: string): Reply {
  return {
    status,
    headers: HeaderList.from(headers),
    body: body === undefined ? Body.none() : Body.of(body),
    origin: 'upstream',
  };
}

/** The world of a test: what is not given throws. */
export interface World {
  readonly nowMs?: number;
  /** Values by the name of the Secret. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What chance says, in [0, 1); 0 where it is left out. */
  readonly random?: () => number;
  /** Waits; not at all where it is left out. */
  readonly pause?: Environment['pause'];
}

/** What became of a spec. */
export interface Written<K extends PolicyKind> {
  readonly message: PolicyMessage<K>;
  /** Of translate and of check. */
  readonly problems: readonly Problem[];
  /** Compiled; what it is depends on the phase. */
  readonly value: object;
}

/** Takes a spec from what users write to what runs. Throws where the schema refuses it. */
export function write<K extends PolicyKind>(kind: K, spec: unknown, world: World = {}): Written<K> {
  const definition = policies[kind] as AnyPolicyDefinition<K>;
  const problems: Problem[] = [];
  const message = definition.translate(definition.schema.parse(spec) as never, {
    secret: ({ secretRef }) => ({ secret: secretRef.name, entry: secretRef.key }),
    secretText(value, path) {
      const text = world.secrets?.[value.secretRef.name];
      if (text === undefined) problems.push({ path, message: 'is missing' });
      return text;
    },
    // oxlint-disable-next-line no-restricted-globals -- parses a given time
    toEpochMs: (time) => Date.parse(time),
    problem: (path, text) => problems.push({ path, message: text }),
  });
  problems.push(...definition.check(message));
  const environment = {
    now: () => world.nowMs ?? 0,
    random: world.random ?? (() => 0),
    pause: world.pause ?? (() => Promise.resolve()),
    secret: ({ secret }: SecretReference) => ({ current: () => world.secrets?.[secret] }),
  } as Environment;
  return { message, problems, value: problems.length > 0 ? {} : definition.compile(message, environment) };
}

/** A spec as a step; it must be without problems. */
export function writeStep(kind: PolicyKind, spec: unknown, world: World = {}): Step {
  const { problems, value } = write(kind, spec, world);
  if (problems.length > 0) throw new Error(problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
  return value;
}

/** Whether the schema takes a spec. */
export function isAccepted(kind: PolicyKind, spec: unknown): boolean {
  return policies[kind].schema.safeParse(spec).success;
}

/** The fields of a list as pairs. */
export function pairs(headers: HeaderList): [string, string][] {
  return [...headers.entries()];
}
