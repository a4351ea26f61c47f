// Where policies may be attached, seen from a listener or a backend.
import type { Listener } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { Level } from './policy-index.ts';

/** Which places lie above a listener's routes, outermost first; each says where that is for a listener. */
export const placesAbove: readonly ((listener: Listener) => Level)[] = [
  ({ gateway }) => ({ level: 'gateway', target: gateway, section: '' }),
  ({ gateway, name }) => ({ level: 'listener', target: gateway, section: name }),
];

/** Where policies may be attached to a backend: the whole of it, and the port that is used. */
export function placesOf(backend: string, port: number): Level[] {
  const whole: Level = { level: 'backend', target: backend, section: '' };
  return port === 0 ? [whole] : [whole, { level: 'section', target: backend, section: String(port) }];
}
