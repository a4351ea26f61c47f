// Waits on purpose, so that callers can be tried against a backend that is slow.
import { create } from '@bufbuild/protobuf';
import { DelaySchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { duration, strict, toMs } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';
import { shareFields, shareProblems, toDraw, toShare } from './share.ts';

/** Longest delay in milliseconds: a request that waits holds memory. */
const delayMsMax = 600_000;

/** Holds a share of the requests back. */
export const delay = definePolicy({
  kind: 'delay',
  summary: 'Holds a share of the requests back for a while before they are sent on.',
  phase: 'filters',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'fields',
  schema: strict({
    duration: duration().optional().describe('How long, at most 10m; 0s, which is the default, is no delay.'),
    ...shareFields,
  }),
  translate: ({ duration: time, ...share }, references) =>
    create(DelaySchema, {
      ...(time !== undefined && { durationMs: BigInt(toMs(time)) }),
      ...toShare(share, references),
    }),
  check: ({ durationMs = 0n, share }) => [
    ...(durationMs > delayMsMax ? [{ path: 'duration', message: 'must not be longer than 10m' }] : []),
    ...shareProblems(share),
  ],
  compile({ durationMs = 0n, share }, environment) {
    const waitMs = Number(durationMs);
    const isHit = toDraw(share, () => environment.random());
    return {
      request(exchange) {
        if (waitMs === 0 || !isHit(exchange)) return undefined;
        return environment.pause(waitMs, exchange).then(() => undefined);
      },
    };
  },
});
