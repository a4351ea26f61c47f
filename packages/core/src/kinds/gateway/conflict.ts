// Listeners that cannot be told apart: which lose, and to whom (Gateway API §Distinct Listeners, §ListenerSet precedence).
import type { Condition } from '../../world.ts';
import type { ListenerShape, Protocol } from './listener.ts';

/** What a port can be told apart by: HTTP by the host, TLS by SNI, TCP and UDP by nothing. UDP has ports of its own. */
type Lane = 'http' | 'tls' | 'tcp' | 'udp';

const lanes: Readonly<Record<Protocol, Lane>> = { HTTP: 'http', HTTPS: 'tls', TLS: 'tls', TCP: 'tcp', UDP: 'udp' };

/** Listeners that have been seen, by what they claim. */
class Claims {
  /** Port → lane → listeners. */
  readonly #ports = new Map<string, Map<Lane, ListenerShape[]>>();
  /** Port, lane and host → listeners. */
  readonly #hosts = new Map<string, ListenerShape[]>();

  add(listener: ListenerShape): void {
    const lane = laneOf(listener);
    if (lane === undefined) return;
    const port = this.#ports.get(portOf(listener, lane)) ?? new Map<Lane, ListenerShape[]>();
    this.#ports.set(portOf(listener, lane), port);
    port.set(lane, [...(port.get(lane) ?? []), listener]);
    this.#hosts.set(hostOf(listener, lane), [...(this.#hosts.get(hostOf(listener, lane)) ?? []), listener]);
  }

  /** Why a listener, itself left aside, cannot be served beside these. */
  conflictOf(listener: ListenerShape): Condition | undefined {
    const lane = laneOf(listener);
    if (lane === undefined) return undefined;
    for (const [other, [first]] of this.#ports.get(portOf(listener, lane)) ?? [])
      if (other !== lane)
        return conflicted(
          'ProtocolConflict',
          `${describe(first!, listener)} has the same port with protocol ${first!.protocol}`,
        );
    const same = this.#hosts.get(hostOf(listener, lane))?.find((other) => other !== listener);
    if (!same) return undefined;
    const what =
      lane === 'http' || lane === 'tls' ? 'port and host name' : `port, and ${lane.toUpperCase()} knows no host names`;
    return conflicted('HostnameConflict', `${describe(same, listener)} has the same ${what}`);
  }
}

/**
 * The conflicts among the listeners of a Gateway and then of each of its sets, in the order of precedence. Within one object
 * nobody wins, as the standard demands; between objects the earlier does.
 */
export function findConflicts(objects: readonly (readonly ListenerShape[])[]): ReadonlyMap<ListenerShape, Condition> {
  const conflicts = new Map<ListenerShape, Condition>();
  const earlier = new Claims();
  for (const listeners of objects) {
    // What lost to an earlier object claims nothing; what loses within its object still keeps others away.
    const fresh = listeners.filter((listener) => earlier.conflictOf(listener) === undefined);
    const own = new Claims();
    for (const listener of fresh) own.add(listener);
    const names = new Set<string>();
    for (const listener of listeners) {
      const isTaken = names.has(listener.name);
      names.add(listener.name);
      const conflict = isTaken
        ? conflicted('NameConflict', `another listener is named ${listener.name}`)
        : (earlier.conflictOf(listener) ?? own.conflictOf(listener));
      if (conflict) conflicts.set(listener, conflict);
    }
    for (const listener of fresh) earlier.add(listener);
  }
  return conflicts;
}

/** Nothing is claimed by what is not supported, nor by port 0, which is any free one and so another each time. */
function laneOf({ protocol, unsupported, port }: ListenerShape): Lane | undefined {
  return protocol === undefined || unsupported !== undefined || port === 0 ? undefined : lanes[protocol];
}

function portOf({ port }: ListenerShape, lane: Lane): string {
  return lane === 'udp' ? `udp ${port}` : `tcp ${port}`;
}

function hostOf({ port, hostname }: ListenerShape, lane: Lane): string {
  return `${lane} ${port} ${hostname}`;
}

/** A listener by name; of another object without saying more of it than where it is. */
function describe({ name, owner }: ListenerShape, beside: ListenerShape): string {
  const { kind, metadata } = owner;
  return owner === beside.owner ? `listener ${name}` : `a listener of ${kind} ${metadata.namespace}/${metadata.name}`;
}

function conflicted(reason: string, message: string): Condition {
  return { type: 'Conflicted', status: 'True', reason, message };
}
