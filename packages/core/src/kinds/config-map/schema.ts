// ConfigMap (v1).
import type { z } from 'zod';
import { boolean, strict, texts } from '../../schema/dialect.ts';

/** The fields of a ConfigMap beside its metadata. */
export const configMapFields = strict({
  data: texts(1_048_576).optional().describe('Name → text, such as `ca.crt` → certificates in PEM.'),
  binaryData: texts(1_048_576).optional().describe('Not used.'),
  immutable: boolean().optional().describe('Not used.'),
});

/** A ConfigMap as parsed. */
export type ConfigMapFields = z.output<typeof configMapFields>;
