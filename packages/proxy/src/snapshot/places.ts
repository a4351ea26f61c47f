// Where policies may be attached, seen from a listener or a backend.
import type { Listener } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { Level } from './policy-index.ts';

/** Which places lie above a listener's routes, outermost first; each says where that is for a listener. */
export function placesAbove({ gateway, listenerSet, name }: Listener): Level[] {
  const whole: Level = { level: 'gateway', target: gateway, section: '' };
  if (listenerSet === '') return [whole, { level: 'listener', target: gateway, section: name }];
  // What is said of one of its listeners is nearer than what is said of the set.
  return [
    whole,
    { level: 'listener', target: listenerSet, section: '' },
    { level: 'listenerSet', target: listenerSet, section: name },
  ];
}

/** Where policies may be attached to a backend: the whole of it, and the port that is used. */
export function placesOf(backend: string, port: number): Level[] {
  const whole: Level = { level: 'backend', target: backend, section: '' };
  return port === 0 ? [whole] : [whole, { level: 'section', target: backend, section: String(port) }];
}
