// The endpoints of one port of a backend with what chooses among them; what they remember outlives edits (contract 3).
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { BackendEnvironment } from '../registry.ts';
import { EndpointTable, type EndpointState } from './endpoint-table.ts';
import type { PickQuestion } from './picker.ts';
import { Turn, powerOfTwo } from './power-of-two.ts';

/** Chooses endpoints of one port. */
export interface EndpointPicker {
  readonly table: EndpointTable;
  /** Chooses among the endpoints of the asker's own snapshot; undefined where none may be asked. */
  pick(endpoints: readonly EndpointAddress[], question?: PickQuestion): EndpointState | undefined;
}

/** The table of a backend's port: the same for every part that asks. */
export function openEndpointTable(
  environment: Pick<BackendEnvironment, 'state'>,
  backend: string,
  port: number,
): EndpointTable {
  return environment.state(`endpoints ${backend} ${port}`, () => new EndpointTable());
}

/** Opens the picker of a backend's port. */
export function openEndpointPicker(environment: BackendEnvironment, backend: string, port: number): EndpointPicker {
  const table = openEndpointTable(environment, backend, port);
  const turn = environment.state(`turn ${backend} ${port}`, () => new Turn());
  const choose = powerOfTwo(turn, () => environment.random());
  return {
    table,
    pick: (endpoints, question = {}) =>
      choose(table.well(endpoints, question.health, environment.monotonicMs()), question),
  };
}
