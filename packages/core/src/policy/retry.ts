// When and how often an attempt is repeated.
import { create } from '@bufbuild/protobuf';
import { RetrySchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { duration, integer, list, strict, toMs } from '../schema/dialect.ts';
import type { RetrySettings } from '../settings.ts';
import { definePolicy } from './define.ts';

/** Repeats failed attempts before the first byte went to the client. */
export const retry = definePolicy({
  kind: 'retry',
  summary: 'Repeats attempts that failed to connect, timed out or answered with a listed status.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'route', 'rule', 'filter'],
  merge: 'fields',
  schema: strict({
    attempts: integer(0, 100).optional().describe('Further tries after the first; 1 when left out.'),
    codes: list(integer(400, 599)).optional().describe('Status codes that are tried again.'),
    backoff: duration().optional().describe('Shortest wait before a retry; 25ms when left out.'),
  }),
  translate: ({ attempts, codes, backoff }) =>
    create(RetrySchema, {
      ...(attempts !== undefined && { attempts }),
      codes: [...(codes ?? [])].sort((a, b) => a - b),
      ...(backoff !== undefined && { backoffMs: BigInt(toMs(backoff)) }),
    }),
  check: () => [],
  compile: ({ attempts, codes, backoffMs }): RetrySettings =>
    Object.freeze({ attempts: attempts ?? 1, codes, backoffMs: Number(backoffMs ?? 25n) }),
});
