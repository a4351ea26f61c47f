// When and how often an attempt is repeated.
import { create } from '@bufbuild/protobuf';
import { RetryBudgetSchema, RetrySchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { duration, integer, list, strict, toMs } from '../schema/dialect.ts';
import type { RetrySettings } from '../settings.ts';
import { definePolicy } from './define.ts';

/** Shortest interval of a budget, in milliseconds. */
const intervalMsMin = 1000;

/** Repeats failed attempts before the first byte went to the client. */
export const retry = definePolicy({
  kind: 'retry',
  summary: 'Repeats attempts that failed to connect, timed out or answered with a listed status.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'route', 'rule', 'service', 'httpBackend', 'filter'],
  merge: 'fields',
  schema: strict({
    attempts: integer(0, 100).optional().describe('Further tries after the first; 1 when left out.'),
    codes: list(integer(400, 599)).optional().describe('Status codes that are tried again.'),
    backoff: duration().optional().describe('Shortest wait before a retry; 25ms when left out.'),
    budget: strict({
      percent: integer(0, 100).default(20).describe('Largest share of retries among the requests of the interval.'),
      interval: duration().default('10s').describe('Over which time that share is taken; at least 1s.'),
      minRetryRate: strict({
        count: integer(0, 1_000_000).default(10).describe('How many retries.'),
        interval: duration().default('1s').describe('In how long; at least 1s.'),
      })
        .default({ count: 10, interval: '1s' })
        .describe('Retries that pass in any case.'),
    })
      .optional()
      .describe('Bounds the retries of all requests to a backend together, so that they do not bring it down.'),
  }),
  translate: ({ attempts, codes, backoff, budget }) =>
    create(RetrySchema, {
      ...(attempts !== undefined && { attempts }),
      codes: [...(codes ?? [])].sort((a, b) => a - b),
      ...(backoff !== undefined && { backoffMs: BigInt(toMs(backoff)) }),
      ...(budget && {
        budget: create(RetryBudgetSchema, {
          percent: budget.percent,
          intervalMs: BigInt(toMs(budget.interval)),
          minCount: budget.minRetryRate.count,
          minIntervalMs: BigInt(toMs(budget.minRetryRate.interval)),
        }),
      }),
    }),
  check: ({ budget }) => [
    ...(budget && budget.intervalMs < intervalMsMin
      ? [{ path: 'budget.interval', message: 'must be at least 1s' }]
      : []),
    ...(budget && budget.minIntervalMs < intervalMsMin
      ? [{ path: 'budget.minRetryRate.interval', message: 'must be at least 1s' }]
      : []),
  ],
  compile: ({ attempts, codes, backoffMs, budget }): RetrySettings =>
    Object.freeze({
      attempts: attempts ?? 1,
      codes: codes ?? [],
      backoffMs: Number(backoffMs ?? 25n),
      budget: budget && {
        percent: budget.percent,
        intervalMs: Number(budget.intervalMs),
        minCount: budget.minCount,
        minIntervalMs: Number(budget.minIntervalMs),
      },
    }),
});
