// Errors in plain JSON, for answers given before there is an exchange, whose dialect is not known yet.
import type { GatewayError } from '@agentgateway/core/errors.ts';

/** The JSON body of an error, for whoever expects no other. */
export function toFailureBody({ reason, message, hint }: GatewayError, requestId: string): object {
  return { error: { reason, message, hint, requestId } };
}
