// Secret (v1).
import type { z } from 'zod';
import { strict, text, texts } from '../../schema/dialect.ts';

/** The fields of a Secret beside its metadata; `data` is base64. */
export const secretFields = strict({
  type: text(253).optional().describe('Not used.'),
  data: texts(1_048_576).optional().describe('Name → value in base64.'),
  stringData: texts(1_048_576).optional().describe('Name → value as it is; it wins over `data`.'),
});

/** A Secret as parsed. */
export type SecretFields = z.output<typeof secretFields>;
