// Fails on purpose, so that callers can be tried against a backend that is not well.
import { create } from '@bufbuild/protobuf';
import { FaultSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { GatewayError } from '../errors.ts';
import { integer, strict } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';
import { shareFields, shareProblems, toDraw, toShare } from './share.ts';

const statusDefault = 503;

/** Refuses a share of the requests. */
export const fault = definePolicy({
  kind: 'fault',
  summary: 'Refuses a share of the requests with a chosen status, as a failing backend would.',
  phase: 'filters',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'fields',
  schema: strict({
    status: integer(400, 599).optional().describe('HTTP status of the refusal; 503 when left out.'),
    grpcStatus: integer(1, 16)
      .optional()
      .describe('grpc-status for gRPC callers; the one that stands for the HTTP status when left out.'),
    ...shareFields,
  }),
  translate: ({ status, grpcStatus, ...share }, references) =>
    create(FaultSchema, {
      ...(status !== undefined && { status }),
      ...(grpcStatus !== undefined && { grpcStatus }),
      ...toShare(share, references),
    }),
  check: ({ share }) => shareProblems(share),
  compile({ status = statusDefault, grpcStatus, share }, environment) {
    const isHit = toDraw(share, () => environment.random());
    const options = { status, grpcCode: grpcStatus ?? toGrpcCode(status), retriable: false };
    return {
      request(exchange) {
        if (isHit(exchange)) throw new GatewayError('fault-injected', 'this request was chosen to fail', options);
        return undefined;
      },
    };
  },
});

/** What a gRPC client makes of an HTTP status (grpc/doc/http-grpc-status-mapping.md). */
function toGrpcCode(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}
