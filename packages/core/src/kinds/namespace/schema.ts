// Namespace (v1): only its labels are used.
import { list, strict, text } from '../../schema/dialect.ts';

/** The fields of a Namespace beside its metadata. */
export const namespaceFields = strict({
  spec: strict({ finalizers: list(text(317)).optional().describe('Not used.') })
    .optional()
    .describe('Not used.'),
});
