// Every kind of backend the proxy can call: a typed table that does not compile when a case is missing.
import type { Backend } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import type { Environment } from '@agentgateway/core/environment.ts';
import type { SnapshotView } from '@agentgateway/core/exchange.ts';
import type { Target } from '@agentgateway/core/target.ts';
import type { Transport } from '../upstream/transport.ts';
import { compileHttpBackend } from './http/compile.ts';
import { compileLlmBackend } from './llm/compile.ts';
import { compileServiceBackend } from './service/compile.ts';

/** What compiling a backend may use. */
export interface BackendEnvironment extends Environment {
  readonly transport: Transport;
  /** The configuration in force, for what goes on between requests. */
  readonly current: () => SnapshotView;
}

type BackendCase = Extract<Backend['kind'], { case: string }>;
type Compile<C extends BackendCase['case']> = (
  key: string,
  message: Extract<BackendCase, { case: C }>['value'],
  environment: BackendEnvironment,
) => Target;

const compilers: { readonly [C in BackendCase['case']]: Compile<C> } = {
  http: compileHttpBackend,
  llm: compileLlmBackend,
  service: compileServiceBackend,
};

/** Compiles a backend. Throws where its kind is unknown. */
export function compileBackend(key: string, { kind }: Backend, environment: BackendEnvironment): Target {
  if (kind.case === undefined) throw new Error('this kind of backend is not known to this version');
  return (compilers[kind.case] as Compile<typeof kind.case>)(key, kind.value, environment);
}
