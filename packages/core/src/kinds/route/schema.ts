// What routes of every kind have in common (Gateway API CommonRouteSpec, BackendRef).
import { integer, list, name, oneOf, strict, text } from '../../schema/dialect.ts';
import { hostname } from '../gateway/schema.ts';

/** Route.spec.parentRefs. */
export const parentRefs = () =>
  list(
    strict({
      group: text(253, 0).optional().describe('gateway.networking.k8s.io when left out.'),
      kind: text(63).optional().describe('Gateway when left out.'),
      namespace: name().optional().describe('The route’s own when left out.'),
      name: name().describe('Name of the Gateway.'),
      sectionName: name().optional().describe('One listener; all of them when left out.'),
      port: integer(1, 65_535).optional().describe('Listeners of this port only.'),
    }),
    32,
  )
    .optional()
    .describe(
      'Gateways and listeners that the route is served on; in config.yaml every Gateway of the file when left out.',
    );

/** Route.spec.hostnames. */
export const hostnames = () =>
  list(hostname(), 16)
    .optional()
    .describe('Hosts that the route is for, exact or with a leading `*.`; those of the listener when left out.');

/** Route.spec.useDefaultGateways. */
export const useDefaultGateways = () =>
  oneOf('All', 'None').optional().describe('All serves the route on every Gateway with defaultScope All as well.');

/** The name of a rule. */
export const ruleName = () =>
  name().optional().describe('Unique within the route; `sectionName` of policies refers to it.');

/** A reference to a backend without its weight. `kindsWords` says what it may name. */
export const backendReference = (kindsWords = 'Service, LLMBackend or HTTPBackend') => ({
  group: text(253, 0).optional().describe('agentgateway.dev for our own kinds; empty, for Service, when left out.'),
  kind: text(63).optional().describe(`${kindsWords}; Service when left out.`),
  name: name().describe('Name of the backend.'),
  namespace: name().optional().describe('The route’s own when left out; another one needs a ReferenceGrant there.'),
  port: integer(1, 65_535).optional().describe('Port of the Service; the other kinds have none.'),
});

/** The weight of a reference. */
export const weight = () =>
  integer(0, 1_000_000).default(1).describe('Share among the backends of the rule; 0 gets nothing.');

/** How long a client is sent to the same endpoint (Gateway API SessionPersistence). */
export const sessionPersistence = () =>
  strict({
    sessionName: text(128).optional().describe('Name of the cookie or header; the gateway makes one when left out.'),
    absoluteTimeout: text(32).optional().describe('How long a session lasts at most.'),
    idleTimeout: text(32).optional().describe('How long a session lasts without a request.'),
    type: oneOf('Cookie', 'Header').default('Cookie').describe('Where the session is carried.'),
    cookieConfig: strict({
      lifetimeType: oneOf('Permanent', 'Session')
        .default('Session')
        .describe('Permanent cookies outlive the browser’s session, and need an absoluteTimeout.'),
    })
      .optional()
      .describe('How the cookie is written.'),
  });

/** A reference with its weight and nothing else, as routes below HTTP have it. */
export const weightedRef = () => strict({ ...backendReference('Service'), weight: weight() });
