// Says aloud what a test run leaves out for want of a real part; CI fails when anything was left out.
import { appendFileSync } from 'node:fs';

/** Announces a skip. In CI the file named by AGENTGATEWAY_SKIPS collects them. */
export function skipAloud(what: string): void {
  process.stderr.write(`SKIPPED: ${what}\n`);
  const file = process.env['AGENTGATEWAY_SKIPS'];
  if (file) appendFileSync(file, `${what}\n`);
}
