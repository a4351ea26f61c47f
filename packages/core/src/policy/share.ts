// A share of the requests, as users write it (Gateway API percent and fraction), and whether one request falls into it.
import { create } from '@bufbuild/protobuf';
import { type Share, ShareSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { Exchange } from '../exchange.ts';
import { integer, strict } from '../schema/dialect.ts';
import type { Problem, References } from './define.ts';

/** The fields that say a share; none of them means all requests. */
export const shareFields = {
  percent: integer(0, 100).optional().describe('Of a hundred requests; all when neither this nor fraction is given.'),
  fraction: strict({
    numerator: integer(0, 1_000_000).describe('How many requests.'),
    denominator: integer(1, 1_000_000).default(100).describe('Of how many.'),
  })
    .optional()
    .describe('A share finer than percent.'),
};

interface ShareSpec {
  readonly percent?: number | undefined;
  readonly fraction?: { readonly numerator: number; readonly denominator: number } | undefined;
}

/** The message, as a field of another; a share that is given twice is reported. */
export function toShare({ percent, fraction }: ShareSpec, references: References): { share?: Share } {
  if (percent !== undefined && fraction) references.problem('fraction', 'cannot be given beside percent');
  if (fraction) return { share: create(ShareSchema, fraction) };
  return percent === undefined ? {} : { share: create(ShareSchema, { numerator: percent, denominator: 100 }) };
}

/** What is wrong with a share. */
export function shareProblems(share: Share | undefined): Problem[] {
  if (!share || (share.denominator > 0 && share.numerator <= share.denominator)) return [];
  return [{ path: 'fraction', message: 'numerator must not be above denominator' }];
}

/** Draws whether a request falls into the share. */
export function toDraw(share: Share | undefined, random: () => number): (exchange: Exchange) => boolean {
  if (!share) return () => true;
  const { numerator, denominator } = share;
  // A draw is in [0, 1), so that a share of nothing never hits and one of all always does.
  return () => random() * denominator < numerator;
}
