// Everything generated from the kinds: CRDs, the JSON schema of config.yaml and the reference pages.
import { generateCrds } from './crds.ts';
import { generateJsonSchema } from './json-schema.ts';
import { generateReference } from './reference.ts';

/** Path → text of every file that follows from the schemas. Throws where a schema leaves the dialect. */
export function generateSchemas(): ReadonlyMap<string, string> {
  return new Map([...generateCrds(), ...generateJsonSchema(), ...generateReference()]);
}
