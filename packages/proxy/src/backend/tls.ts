// Whether TLS is spoken to an endpoint, and how: what the backend says of itself, and what policies say of it.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { BackendTlsSettings } from '@agentgateway/core/settings.ts';

/** TLS to one endpoint, as the transport gets it. */
export interface TargetTls {
  /** Sent as SNI, and verified where no alternative names are asked for. */
  readonly serverName: string;
  /** What policies say; undefined verifies the name by what the system trusts. */
  readonly settings: BackendTlsSettings | undefined;
}

/** TLS to a backend known as `name`; undefined speaks plain text. Throws where a policy asks for what cannot be had. */
export function toTargetTls(
  own: { readonly serverName: string } | undefined,
  name: string,
  settings: BackendTlsSettings | undefined,
): TargetTls | undefined {
  if (settings?.invalid !== undefined)
    throw new GatewayError('policy-invalid', `TLS to ${name} cannot be spoken: ${settings.invalid}`);
  if (!own && !settings?.isSpoken) return undefined;
  const client = settings?.clientCertificate;
  if (client && (client.certificate.current() === undefined || client.key.current() === undefined))
    throw new GatewayError('policy-invalid', `the client certificate that is shown to ${name} does not exist`);
  return { serverName: settings?.serverName ?? (own?.serverName || name), settings };
}
