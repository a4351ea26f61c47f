// The table of policies and the reserved names (contract 15).
import { PolicySpecSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { type FieldProblem, validateFields } from '../config/validate.ts';
import { policySpec } from '../kinds/policy/schema.ts';
import type { Environment } from '../environment.ts';
import { phases } from '../phases.ts';
import { defaultSettings } from '../settings.ts';
import { policies, reservedPolicyNames } from './registry.ts';
import { compileSetting } from './setting.ts';

/** Every name of `Policy.spec` that the project's reference speaks of, built or not. */
const spokenFor = [
  'apiKeyAuthentication jwtAuthentication basicAuthentication oidc externalAuth authorization',
  'cors csrf rateLimit externalProcessing transformation timeouts',
  'retry headerModifiers hostRewrite requestMirror directResponse buffer',
  'delay sessionAffinity health tracing backendTLS backendAuth',
  'backendTunnel llm mcp a2a http tcp',
  'tls connect accessLog mcpAuthentication mcpAuthorization mcpGuardrails',
  'guardrails promptEnrichment promptCaching inferenceRouting networkAuthorization proxyProtocol',
  'metrics compression fault ipAccess requestRedirect urlRewrite',
].flatMap((line) => line.split(' '));

describe('names', () => {
  test('every name spoken for is built or reserved, and no other', () => {
    expect([...Object.keys(policies), ...reservedPolicyNames].sort()).toEqual(spokenFor.toSorted());
  });

  test('none is both, and the list is in order', () => {
    expect(reservedPolicyNames.filter((name) => Object.hasOwn(policies, name))).toEqual([]);
    expect(reservedPolicyNames).toEqual(reservedPolicyNames.toSorted());
  });

  test('a policy’s name is its kind and its case on the wire', () => {
    const cases = PolicySpecSchema.oneofs[0]!.fields.map(({ localName }) => localName);
    expect(Object.keys(policies).sort()).toEqual(cases.toSorted());
    for (const [name, { kind }] of Object.entries(policies)) expect(kind).toBe(name);
  });
});

function told(name: string): readonly FieldProblem[] {
  return validateFields(policySpec, { targetRefs: [{ kind: 'Gateway', name: 'main' }], [name]: {} }).problems;
}

describe('what users are told', () => {
  test.each(reservedPolicyNames)('%s is not supported yet', (name) => {
    expect(told(name)).toEqual([{ path: [name], message: 'is not supported yet' }]);
  });

  test('a name that is not spoken for is unknown, with the nearest', () => {
    expect(told('authorisation')).toEqual([
      { path: ['authorisation'], message: 'unknown field', hint: 'did you mean authorization?' },
    ]);
    expect(told('requestRedirect')).toMatchObject([{ message: 'unknown field' }]);
  });
});

test('restricting phases add up: no policy in them can be removed from below', () => {
  const restricting = [
    'connection',
    'admit',
    'authenticate',
    'external-authorize',
    'authorize',
    'limit',
    'external-process',
    'guard',
  ];
  for (const { kind, phase, merge } of Object.values(policies))
    expect([kind, merge]).toEqual([kind, restricting.includes(phase) ? 'all' : 'fields']);
});

test('every policy says in one sentence what it does', () => {
  for (const { summary } of Object.values(policies)) expect(summary).toMatch(/^[A-Z].*\.$/);
});

test('every setting of a rule is a policy’s, and every policy of that contract sets one', () => {
  const kinds = Object.values(policies).filter(({ phase }) => phases[phase] === 'setting');
  expect(kinds.map(({ kind }) => kind).sort()).toEqual(Object.keys(defaultSettings).sort());
  for (const { kind } of kinds) {
    const spec = create(PolicySpecSchema, { kind: { case: kind, value: {} } as never });
    expect(Object.keys(compileSetting(spec, {} as Environment))).toEqual([kind]);
  }
});
