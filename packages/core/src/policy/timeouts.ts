// How long an exchange and its parts may take.
import { create } from '@bufbuild/protobuf';
import { TimeoutsSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { duration, strict, toMs } from '../schema/dialect.ts';
import { defaultTimeouts, type TimeoutSettings } from '../settings.ts';
import { definePolicy } from './define.ts';

const fields = {
  request: 'requestMs',
  backendRequest: 'backendRequestMs',
  connect: 'connectMs',
  firstByte: 'firstByteMs',
  idle: 'idleMs',
} as const;

/** Time-outs; 0s switches one off. */
export const timeouts = definePolicy({
  kind: 'timeouts',
  summary:
    'Bounds how long an exchange, an attempt, a connect, a first byte and a pause may take; 0s switches one off.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'route', 'rule', 'l4Route', 'service', 'httpBackend', 'llmBackend', 'filter'],
  merge: 'fields',
  schema: strict({
    request: duration().optional().describe('The whole exchange with its retries; off by default.'),
    backendRequest: duration().optional().describe('One attempt, to the end of its response; off by default.'),
    connect: duration().optional().describe('To a connected socket; 10s by default.'),
    firstByte: duration().optional().describe('To the head of the answer; 10m by default.'),
    idle: duration().optional().describe('Between two chunks of the answer; 5m by default.'),
  }),
  translate(spec) {
    const message = create(TimeoutsSchema);
    for (const [field, target] of Object.entries(fields) as [
      keyof typeof fields,
      (typeof fields)[keyof typeof fields],
    ][]) {
      const value = spec[field];
      if (value !== undefined) message[target] = BigInt(toMs(value));
    }
    return message;
  },
  check({ requestMs, backendRequestMs }) {
    const isLonger =
      requestMs !== undefined && requestMs > 0n && backendRequestMs !== undefined && backendRequestMs > requestMs;
    return isLonger ? [{ path: 'backendRequest', message: 'must not be longer than request' }] : [];
  },
  compile(message): TimeoutSettings {
    const read = (field: keyof TimeoutSettings): number =>
      message[field] === undefined ? defaultTimeouts[field] : Number(message[field]);
    return Object.freeze({
      requestMs: read('requestMs'),
      backendRequestMs: read('backendRequestMs'),
      connectMs: read('connectMs'),
      firstByteMs: read('firstByteMs'),
      idleMs: read('idleMs'),
    });
  },
});
