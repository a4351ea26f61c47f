// Collects the whole request before the backend is called, so that a slow sender occupies the gateway and not the backend.
import { create } from '@bufbuild/protobuf';
import { BufferSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { quantity, strict, toBytes } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';

const bytesMaxDefault = 1024 * 1024;

/** Longest body that may be asked to be collected, in bytes. */
const bytesMaxMax = 256 * 1024 * 1024;

/** Buffers request bodies as they are, without decoding them. */
export const buffer = definePolicy({
  kind: 'buffer',
  summary: 'Collects the whole body of a request before it is sent on, and refuses longer ones with 413.',
  phase: 'transform',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'fields',
  schema: strict({
    maxBytes: quantity().optional().describe('Longest body, such as 512Ki; 1Mi when left out, at most 256Mi.'),
  }),
  translate: ({ maxBytes }) =>
    create(BufferSchema, { ...(maxBytes !== undefined && { bytesMax: BigInt(toBytes(maxBytes)) }) }),
  check: ({ bytesMax = 0n }) =>
    bytesMax > bytesMaxMax ? [{ path: 'maxBytes', message: 'must not be above 256Mi' }] : [],
  compile({ bytesMax }) {
    const limit = bytesMax === undefined ? bytesMaxDefault : Number(bytesMax);
    return {
      request({ body }) {
        if (body.kind !== 'source') return undefined;
        return body.bytes(limit).then(() => undefined);
      },
    };
  },
});
