// What a policy or a filter says → its message, with every mistake that can be found without a proxy.
import { type PolicySpec, PolicySpecSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { toKey } from '@agentgateway/api/keys.ts';
import { create } from '@bufbuild/protobuf';
import { validateFields } from '../../config/validate.ts';
import { toPath } from '../../config/problem.ts';
import type { AnyPolicyDefinition, PolicyKind, Problem, References } from '../../policy/define.ts';
import { policies } from '../../policy/registry.ts';
import type { Scope } from '../../translate/scope.ts';
import { toEpochMs } from '../../translate/time.ts';
import { readSecret } from '../secret/translate.ts';

/** The message, unless something is wrong with it, and what is. */
export interface TranslatedSpec {
  readonly spec: PolicySpec | undefined;
  readonly problems: readonly Problem[];
  /** Keys of the Secrets that the message refers to. */
  readonly secrets: readonly string[];
}

/** Where a policy stands. */
export interface SpecPlace {
  readonly namespace: string;
  /** Path of what is translated, from the object's root. */
  readonly path: string;
  readonly scope: Scope;
}

/** Translates and checks. Mistakes are returned; unresolved references are also reported as conditions of their own. */
export function translateSpec(kind: PolicyKind, written: unknown, place: SpecPlace): TranslatedSpec {
  const definition = policies[kind] as AnyPolicyDefinition;
  const { value, problems: unfit } = validateFields(definition.schema, written);
  if (unfit.length > 0)
    return {
      spec: undefined,
      problems: unfit.map(({ path, message }) => ({ path: toPath(path), message })),
      secrets: [],
    };
  const problems: Problem[] = [];
  const secrets = new Set<string>();
  const message = definition.translate(value as never, references(place, problems, secrets));
  problems.push(...definition.check(message));
  const spec = create(PolicySpecSchema, { kind: { case: kind, value: message } as PolicySpec['kind'] });
  return { spec: problems.length > 0 ? undefined : spec, problems, secrets: [...secrets].sort() };
}

function references({ namespace, path, scope }: SpecPlace, problems: Problem[], secrets: Set<string>): References {
  // A missing secret is a condition, not a mistake of the policy: what needs it is refused until it is there.
  const read = (name: string, entry: string, at: string): string | undefined =>
    readSecret({ namespace, name, entry }, `${path}.${at}`, scope);
  return {
    secret({ secretRef: { name, key } }, at) {
      read(name, key, at);
      secrets.add(toKey('secret', namespace, name));
      return { secret: toKey('secret', namespace, name), entry: key };
    },
    secretText: ({ secretRef: { name, key } }, at) => read(name, key, at),
    toEpochMs(time) {
      const epochMs = toEpochMs(time);
      if (epochMs === undefined) problems.push({ path: '', message: `'${time}' is not a time` });
      return epochMs ?? 0;
    },
    problem: (at, message) => problems.push({ path: at, message }),
  };
}
