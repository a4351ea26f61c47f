// What holds of every status, whatever it is about: shown over the worlds of all goldens (Gateway API "Status", GEP-1364).
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Manifest, ObjectStatus } from '../world.ts';
import { type CaseInput, toWorld } from './fixture.ts';
import { createTranslator } from './translate.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface RouteParent {
  readonly parentRef: object;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly conditions: readonly Condition[];
}

const folder = join(import.meta.dirname, 'testdata');
const worlds = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.in.yaml'))
  .sort()
  .map((path) => ({ name: path, world: toWorld(parse(readFileSync(join(folder, path), 'utf8')) as CaseInput) }));

/** Every condition within a status. */
function conditionsOf(value: unknown): Condition[] {
  if (Array.isArray(value)) return value.flatMap(conditionsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'conditions' ? (inner as Condition[]) : conditionsOf(inner),
  );
}

function newer(manifest: Manifest): Manifest {
  return { ...manifest, metadata: { ...manifest.metadata, generation: manifest.metadata.generation + 7 } };
}

describe.each(worlds)('$name', ({ world }) => {
  const translator = createTranslator();
  const { statuses } = translator.translate(world);

  test('every condition says why, and in words', () => {
    for (const { status } of statuses)
      for (const condition of conditionsOf(status)) {
        expect(['True', 'False', 'Unknown']).toContain(condition.status);
        expect(condition.reason).toMatch(/^[A-Za-z](?:[A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
        expect(condition.message.length).toBeLessThanOrEqual(32_768);
        if (condition.status === 'False') expect(condition.message).not.toBe('');
      }
  });

  // The writer gives every condition of a status the generation that stands beside it.
  test('a new generation alone is observed (GatewayObservedGenerationBump, GatewayClassObservedGenerationBump, HTTPRouteObservedGenerationBump, BackendTLSPolicyObservedGenerationBump)', () => {
    const generations = new Map(
      world.objects.map(({ kind, metadata }) => [
        `${kind} ${metadata.namespace}/${metadata.name}`,
        metadata.generation,
      ]),
    );
    const observed = (list: readonly ObjectStatus[], later: number): void => {
      for (const { kind, namespace, name, generation } of list)
        expect(generation).toBe(generations.get(`${kind} ${namespace}/${name}`)! + later);
    };
    observed(statuses, 0);
    const bumped = translator.translate({ ...world, objects: world.objects.map(newer) }).statuses;
    observed(bumped, 7);
    expect(bumped.map(({ status }) => status)).toEqual(statuses.map(({ status }) => status));
  });

  test('a type stands once, and routes tell of each parent once, in the controller’s name', () => {
    for (const { status } of statuses) {
      const {
        conditions = [],
        parents = [],
        listeners = [],
      } = status as {
        conditions?: Condition[];
        parents?: RouteParent[];
        listeners?: ListenerStatus[];
      };
      for (const list of [
        conditions,
        ...parents.map((parent) => parent.conditions),
        ...listeners.map((listener) => listener.conditions),
      ])
        expect(new Set(list.map(({ type }) => type)).size).toBe(list.length);
      const named = parents.map(({ parentRef, controllerName }) => JSON.stringify([parentRef, controllerName]));
      expect(new Set(named).size).toBe(named.length);
      // Whether references resolve is said even where the route is not accepted.
      for (const parent of parents)
        expect(parent.conditions.map(({ type }) => type)).toEqual(expect.arrayContaining(['Accepted', 'ResolvedRefs']));
    }
  });

  test('listeners count their routes and say which kinds they take', () => {
    for (const { kind, status } of statuses) {
      if (kind !== 'Gateway' && kind !== 'ListenerSet') continue;
      const { listeners = [] } = status as { listeners?: ListenerStatus[] };
      for (const { attachedRoutes, supportedKinds, conditions } of listeners) {
        expect(attachedRoutes).toBeGreaterThanOrEqual(0);
        expect(Array.isArray(supportedKinds)).toBe(true);
        const types = conditions.map(({ type }) => type);
        expect(types).toEqual(expect.arrayContaining(['Accepted', 'Programmed', 'ResolvedRefs']));
      }
    }
  });
});
