// What the source's worker and the main thread say to each other (contract 17).
import type { Rejection, ResourceChanges } from '@agentgateway/api/keys.ts';
import type { ConfigProblem } from '@agentgateway/core/config/load.ts';
import type { Issue, ObjectStatus } from '@agentgateway/core/world.ts';

/** What the worker is started with. */
export interface SourceInput {
  /** A file, a folder, or undefined for the embedded configuration. */
  readonly config: string | undefined;
  /** Environment variables for `${X}` and for providers' keys. */
  readonly env: Readonly<Record<string, string>>;
}

/** Main thread → worker: the answer to an update. Until it comes the worker posts no other, so that none pile up. */
export type ToSource =
  | {
      readonly type: 'feedback';
      /** Everything that is not in use, whichever update brought it. */
      readonly rejections: readonly Rejection[];
      readonly bindErrors: readonly (readonly [string, string])[];
      /** Addresses of listeners whose Gateway names none. */
      readonly addresses: readonly string[];
    }
  /** The update could not be applied; what was held before is still held. */
  | { readonly type: 'failed' };

/** Worker → main thread. */
export type FromSource =
  | {
      readonly type: 'update';
      readonly changes: ResourceChanges;
      readonly statuses: readonly ObjectStatus[];
      readonly issues: readonly Issue[];
      /** Objects that are not for the gateway. */
      readonly skipped: readonly ConfigProblem[];
    }
  | { readonly type: 'status'; readonly statuses: readonly ObjectStatus[]; readonly issues: readonly Issue[] }
  | { readonly type: 'refused'; readonly problems: readonly ConfigProblem[] }
  | { readonly type: 'unreadable'; readonly file: string; readonly message: string };
