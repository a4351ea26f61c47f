// `agentgateway version`.

/** The product's version. */
export const version = '0.1.0';

/** Prints the versions of the product and of Node. */
export async function run(): Promise<number> {
  process.stdout.write(`agentgateway ${version} (node ${process.versions.node})\n`);
  return 0;
}
