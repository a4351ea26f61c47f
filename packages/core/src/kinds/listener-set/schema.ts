// ListenerSet (gateway.networking.k8s.io/v1): listeners that another team adds to a Gateway.
import type { z } from 'zod';
import { list, name, strict, text } from '../../schema/dialect.ts';
import { listener } from '../gateway/schema.ts';

/** The fields of ListenerSet.spec that the short form has too. */
export const listenerSetFields = {
  parentRef: strict({
    group: text(253, 0).optional().describe('gateway.networking.k8s.io when left out.'),
    kind: text(63).optional().describe('Gateway when left out.'),
    namespace: name().optional().describe('The set’s own when left out.'),
    name: name().describe('Name of the Gateway, which must allow it in `allowedListeners`.'),
  }).describe('The Gateway whose addresses the listeners are bound on.'),
};

/** ListenerSet.spec. */
export const listenerSetSpec = strict({
  ...listenerSetFields,
  listeners: list(listener).min(1).describe('Ports and hosts to serve, after those of the Gateway and of older sets.'),
});

/** ListenerSet.spec as parsed. */
export type ListenerSetSpec = z.output<typeof listenerSetSpec>;
