// A snapshot without a gateway: what a configuration would do, for commands that look and start nothing.
import type { EncodedResource, Rejection } from '@agentgateway/api/keys.ts';
import type { BackendEnvironment } from './backend/registry.ts';
import { createEnvironment, systemClock } from './environment.ts';
import { RecordingLedger } from './recording-ledger.ts';
import type { Snapshot } from './snapshot/snapshot.ts';
import { Store } from './snapshot/store.ts';
import { createTransport } from './upstream/transport.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Compiles and links resources; nothing is bound, nothing is called. */
export async function openOffline(
  resources: readonly EncodedResource[],
): Promise<{ readonly snapshot: Snapshot; readonly rejections: readonly Rejection[] }> {
  const transport = createTransport({ log: silent, clock: systemClock });
  const environment: BackendEnvironment = Object.assign(
    createEnvironment({
      clock: systemClock,
      log: silent,
      ledger: new RecordingLedger(),
      readSecret: (key, entry) => store.secret(key, entry),
      upstream: () => {
        throw new Error('nothing is called offline');
      },
      pause: () => Promise.resolve(),
    }),
    { transport, current: () => store.current },
  );
  const store: Store = new Store(environment);
  const rejections = await store.update({ set: resources, removed: [] });
  transport.close();
  return { snapshot: store.current, rejections };
}
