// Which endpoints of a backend are asked: those that fail are left alone, and endpoints can be asked how they are.
import { create } from '@bufbuild/protobuf';
import {
  type ActiveChecks,
  ActiveChecksSchema,
  GRPCCheckSchema,
  HTTPCheckSchema,
  HealthSchema,
  PassiveChecksSchema,
  StatusRangeSchema,
  TCPCheckSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { z } from 'zod';
import { duration, exactlyOne, integer, list, pattern, strict, text, toMs } from '../schema/dialect.ts';
import type { ActiveHealthSettings, HealthSettings } from '../settings.ts';
import { headerValueProblems, hostnameProblems, token } from './check.ts';
import { type Problem, definePolicy } from './define.ts';

const passive = strict({
  consecutiveFailures: integer(1, 1000)
    .default(5)
    .describe('Answers of 500 and above, failed connections and time-outs in a row until an endpoint is left alone.'),
  ejectionTime: duration().default('30s').describe('For how long the first time; it doubles with each failure after.'),
  maxEjectionTime: duration().default('5m').describe('For how long at most.'),
  maxEjectionPercent: integer(0, 100)
    .default(50)
    .describe('Largest share of the endpoints that is left alone at a time, in percent; one may be in any case.'),
});

const active = exactlyOne(['http', 'tcp', 'grpc'], {
  http: strict({
    path: text(1024).default('/').describe('Path and query that are asked for.'),
    method: text(32).default('GET').describe('With this method.'),
    host: text(253).optional().describe('For this host; the backend’s own when left out.'),
    expectedStatuses: list(
      pattern('^[1-5][0-9]{2}(-[1-5][0-9]{2})?$', 'must be a status such as 204, or a range such as 200-299'),
      16,
    )
      .optional()
      .describe('Statuses that are good; 200 when left out.'),
  })
    .optional()
    .describe('Asks over HTTP, as the backend is spoken to.'),
  tcp: strict({}).optional().describe('Opens a connection.'),
  grpc: strict({
    service: text(253, 0).optional().describe('Service that is asked for; the server as a whole when left out.'),
  })
    .optional()
    .describe('Asks by grpc.health.v1.'),
  interval: duration().default('10s').describe('Between two checks, give or take a tenth; at least 100ms.'),
  timeout: duration().default('1s').describe('How long a check may take.'),
  healthyThreshold: integer(1, 100).default(2).describe('Good answers in a row until an endpoint is asked again.'),
  unhealthyThreshold: integer(1, 100).default(3).describe('Bad ones in a row until it is asked no more.'),
});

/** Shortest interval of checks, in milliseconds. */
const intervalMsMin = 100;

/** An endpoint that may not be well is better than none. */
const panicPercentDefault = 50;

/** Health of endpoints. */
export const health = definePolicy({
  kind: 'health',
  summary: 'Leaves endpoints alone that fail, or that say they are not well.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'route', 'rule', 'service', 'httpBackend'],
  merge: 'fields',
  schema: strict({
    passive: passive.optional().describe('Watches the answers to requests.'),
    active: active.optional().describe('Asks endpoints, also while there are no requests.'),
    panicThreshold: integer(0, 100)
      .optional()
      .describe('While fewer than these percent of the endpoints are well, all are asked; 50 when left out.'),
  }),
  translate: ({ passive: watched, active: asked, panicThreshold }) =>
    create(HealthSchema, {
      ...(watched && {
        passive: create(PassiveChecksSchema, {
          consecutiveFailures: watched.consecutiveFailures,
          ejectionMs: BigInt(toMs(watched.ejectionTime)),
          ejectionMsMax: BigInt(toMs(watched.maxEjectionTime)),
          ejectionPercentMax: watched.maxEjectionPercent,
        }),
      }),
      ...(asked && { active: toActiveChecks(asked) }),
      ...(panicThreshold !== undefined && { panicPercent: panicThreshold }),
    }),
  check: ({ passive: watched, active: asked }) => [
    ...(watched && watched.ejectionMsMax < watched.ejectionMs
      ? [{ path: 'passive.maxEjectionTime', message: 'must not be shorter than ejectionTime' }]
      : []),
    ...(asked ? activeProblems(asked) : []),
  ],
  compile: ({ passive: watched, active: asked, panicPercent }): HealthSettings =>
    Object.freeze({
      passive: watched && {
        failures: watched.consecutiveFailures,
        backoffMs: Number(watched.ejectionMs),
        backoffMaxMs: Number(watched.ejectionMsMax),
        ejectionPercentMax: watched.ejectionPercentMax,
      },
      active: asked && toSettings(asked),
      panicPercent: panicPercent ?? panicPercentDefault,
    }),
});

function toActiveChecks({ http, tcp, grpc, ...times }: z.output<typeof active>): ActiveChecks {
  return create(ActiveChecksSchema, {
    how: http
      ? {
          case: 'http',
          value: create(HTTPCheckSchema, {
            path: http.path,
            method: http.method,
            host: http.host ?? '',
            expected: (http.expectedStatuses ?? [])
              .map((range) => range.split('-').map(Number))
              .map(([first = 0, last = first]) => create(StatusRangeSchema, { first, last }))
              .sort((a, b) => a.first - b.first || a.last - b.last),
          }),
        }
      : tcp
        ? { case: 'tcp', value: create(TCPCheckSchema) }
        : { case: 'grpc', value: create(GRPCCheckSchema, { service: grpc?.service ?? '' }) },
    intervalMs: BigInt(toMs(times.interval)),
    timeoutMs: BigInt(toMs(times.timeout)),
    healthyThreshold: times.healthyThreshold,
    unhealthyThreshold: times.unhealthyThreshold,
  });
}

function activeProblems({ how, intervalMs, timeoutMs }: ActiveChecks): Problem[] {
  const problems: Problem[] = [];
  if (intervalMs < intervalMsMin)
    problems.push({ path: 'active.interval', message: `must be at least ${intervalMsMin}ms` });
  if (timeoutMs === 0n) problems.push({ path: 'active.timeout', message: 'must not be 0s' });
  if (how.case !== 'http') return problems;
  const { path, method, host, expected } = how.value;
  if (!/^\/[\x21-\x7e]*$/.test(path) || path.includes('#'))
    problems.push({ path: 'active.http.path', message: 'must begin with / and hold no spaces and no #' });
  if (!token.test(method)) problems.push({ path: 'active.http.method', message: `'${method}' is not a method` });
  if (host !== '')
    problems.push(...hostnameProblems(host, 'active.http.host'), ...headerValueProblems(host, 'active.http.host'));
  for (const { first, last } of expected)
    if (last < first) problems.push({ path: 'active.http.expectedStatuses', message: `${first}-${last} is no range` });
  return problems;
}

function toSettings({
  how,
  intervalMs,
  timeoutMs,
  healthyThreshold,
  unhealthyThreshold,
}: ActiveChecks): ActiveHealthSettings {
  return {
    check:
      how.case === 'http'
        ? {
            kind: 'http',
            path: how.value.path,
            method: how.value.method,
            host: how.value.host || undefined,
            expected: how.value.expected.map(({ first, last }) => [first, last] as const),
          }
        : how.case === 'grpc'
          ? { kind: 'grpc', service: how.value.service }
          : { kind: 'tcp' },
    intervalMs: Number(intervalMs),
    timeoutMs: Number(timeoutMs),
    healthyThreshold,
    unhealthyThreshold,
  };
}
