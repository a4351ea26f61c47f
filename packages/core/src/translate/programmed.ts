// What proxies said of resources → the conditions and issues that follow (contract 6).
import { fromKey } from '@agentgateway/api/keys.ts';
import { kindNamed } from '../kinds/registry.ts';
import type { Condition, Feedback, Issue, Manifest } from '../world.ts';
import { nameOf, type WorldIndex } from './world-index.ts';

/** The condition type of routes and policies, which the standard has no word for. */
export const programmedType = 'agentgateway.dev/Programmed';

/** Whether the proxies of a view use these resources. */
export function programmed(type: string, feedback: Feedback | undefined, keys: ReadonlySet<string>): Condition {
  const rejected = feedback?.rejections.filter(({ key }) => keys.has(key)) ?? [];
  if (rejected.length > 0) {
    const message = rejected.map(({ key, reason }) => `${key}: ${reason}`).join('; ');
    return { type, status: 'False', reason: 'Rejected', message };
  }
  if (!feedback?.isAcknowledged)
    return { type, status: 'Unknown', reason: 'Pending', message: 'no proxy has acknowledged it yet' };
  return { type, status: 'True', reason: 'Programmed', message: 'the proxies use it' };
}

/** Rejections and failed binds as issues of the objects that caused them. */
export function feedbackIssues(feedback: ReadonlyMap<string, Feedback>, index: WorldIndex): Issue[] {
  const issues = new Map<string, Issue>();
  const add = (key: string, found: Manifest | undefined, rest: Omit<Issue, 'object'>): void => {
    const object = found ? nameOf(found) : key;
    issues.set(`${object} ${rest.path} ${rest.message}`, { object, ...rest });
  };
  for (const { rejections, bindErrors } of feedback.values()) {
    for (const { key, reason } of rejections) {
      const { kind, namespace, name, section = '' } = fromKey(key);
      const found = index.get(`${ownerKinds[kind] ?? kind}/${namespace}/${name}`);
      const role = kindNamed(kind)?.role;
      const path =
        role === 'policy' && section !== ''
          ? `spec.${section}`
          : isListener(kind)
            ? listenerPath(found, section)
            : 'spec';
      const condition = role === 'route' || role === 'policy' ? programmedType : 'Programmed';
      add(key, found, { path, condition, reason: 'Rejected', message: reason });
    }
    for (const [key, message] of bindErrors) {
      const { kind, namespace, name, section = '' } = fromKey(key);
      const found = index.get(`${ownerKinds[kind] ?? kind}/${namespace}/${name}`);
      const path = listenerPath(found, section);
      add(key, found, { path, condition: 'Programmed', reason: 'PortUnavailable', message });
    }
  }
  return [...issues.values()];
}

/** Kind of a key → kind of the object that it comes from, where they differ. */
const ownerKinds: Readonly<Record<string, string>> = { listener: 'gateway', endpoints: 'service' };

/** Whether a key of this kind names a listener, of a Gateway or of a ListenerSet. */
function isListener(kind: string): boolean {
  return kind === 'listener' || kind === 'listenerset';
}

/** The place of a listener in its Gateway or ListenerSet, which may not be readable. */
function listenerPath(owner: Manifest | undefined, name: string): string {
  const { listeners } = (owner?.spec ?? {}) as { listeners?: readonly ({ name?: unknown } | null)[] };
  const index = Array.isArray(listeners) ? listeners.findIndex((listener) => listener?.name === name) : -1;
  return index >= 0 ? `spec.listeners[${index}]` : 'spec.listeners';
}
