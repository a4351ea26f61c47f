// Secret (v1).
import type { z } from 'zod';
import { strict, text, texts } from '../../schema/dialect.ts';

/** The fields of a Secret beside its metadata; `data` is base64. */
export const secretFields = strict({
  type: text(253).optional(),
  data: texts(1_048_576).optional(),
  stringData: texts(1_048_576).optional(),
});

/** A Secret as parsed. */
export type SecretFields = z.output<typeof secretFields>;
