// How the endpoints of every backend are, for the status page and for metrics.
import type { PortFacts } from '@agentgateway/core/target.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

const states = ['healthy', 'ejected', 'unhealthy'] as const;

/** Backend → port → endpoints. A backend without ports has the port 0. */
export function describeEndpoints(snapshot: Snapshot): Record<string, readonly PortFacts[]> {
  const told: Record<string, readonly PortFacts[]> = {};
  for (const [key, target] of snapshot.backends) {
    const ports = target.ports?.(snapshot);
    if (ports) told[key] = ports;
  }
  return told;
}

/** One sample for each port and state; addresses are no labels, because they come and go without end. */
export function countEndpoints(snapshot: Snapshot): {
  labels: { backend: string; port: string; state: string };
  value: number;
}[] {
  return Object.entries(describeEndpoints(snapshot)).flatMap(([backend, ports]) =>
    ports.flatMap(({ port, endpoints }) =>
      states.map((state) => ({
        labels: { backend, port: String(port), state },
        value: endpoints.filter((endpoint) => endpoint.state === state).length,
      })),
    ),
  );
}
