// `agentgateway version`.
import { version } from '@agentgateway/proxy/version.ts';

/** Prints the versions of the product and of Node. */
export async function run(): Promise<number> {
  process.stdout.write(`agentgateway ${version} (node ${process.versions.node})\n`);
  return 0;
}
