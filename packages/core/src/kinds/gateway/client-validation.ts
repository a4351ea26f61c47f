// `spec.tls.frontend`: how clients of a port's HTTPS listeners show who they are, and what is wrong with it.
import {
  type ClientValidation,
  ClientValidationSchema,
  ClientValidation_Mode,
} from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { create } from '@bufbuild/protobuf';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { type ResolvedCa, resolveCa } from '../config-map/ca-bundle.ts';
import type { GatewaySpec } from './schema.ts';

type FrontendSpec = NonNullable<NonNullable<GatewaySpec['tls']>['frontend']>;
type ValidationSpec = NonNullable<FrontendSpec['default']['validation']>;

/** A mistake in the references, with the standard's reason. */
export interface ValidationProblem {
  /** Path in the Gateway. */
  readonly path: string;
  readonly reason: 'InvalidCACertificateRef' | 'InvalidCACertificateKind' | 'RefNotPermitted';
  readonly message: string;
}

/** How the clients of a port are validated. */
export interface FrontendValidation {
  readonly message: ClientValidation;
  readonly problems: readonly ValidationProblem[];
}

const reasons = {
  kind: 'InvalidCACertificateKind',
  forbidden: 'RefNotPermitted',
  unusable: 'InvalidCACertificateRef',
} as const;

/** Every validation of a Gateway, by what it applies to, worked out once. */
export class FrontendValidations {
  readonly #default: FrontendValidation | undefined;
  readonly #perPort: ReadonlyMap<number, FrontendValidation | undefined>;

  constructor(gateway: Manifest, frontend: FrontendSpec | undefined, scope: Scope) {
    const read = (spec: ValidationSpec | undefined, path: string): FrontendValidation | undefined =>
      spec && readValidation(gateway, spec, path, scope);
    this.#default = read(frontend?.default.validation, 'spec.tls.frontend.default.validation');
    this.#perPort = new Map(
      (frontend?.perPort ?? []).map(({ port, tls }, index) => [
        port,
        read(tls.validation, `spec.tls.frontend.perPort[${index}].tls.validation`),
      ]),
    );
  }

  /** What applies to the HTTPS listeners of a port; a port of its own replaces the default, also by nothing. */
  of(port: number): FrontendValidation | undefined {
    return this.#perPort.has(port) ? this.#perPort.get(port) : this.#default;
  }

  /** Every mistake. */
  problems(): ValidationProblem[] {
    return [this.#default, ...this.#perPort.values()].flatMap((one) => one?.problems ?? []);
  }
}

/** Where a Gateway serves clients whatever certificate they show, in words; undefined where it does not. */
export function describeFallback({ tls }: GatewaySpec): string | undefined {
  const places = [
    ...(isOpen(tls?.frontend?.default) ? ['by default'] : []),
    ...(tls?.frontend?.perPort ?? []).flatMap((one) => (isOpen(one.tls) ? [`on port ${one.port}`] : [])),
  ];
  return places.length > 0 ? `clients without a valid certificate are served ${places.join(', ')}` : undefined;
}

function isOpen(one: FrontendSpec['default'] | undefined): boolean {
  return one?.validation?.mode === 'AllowInsecureFallback';
}

function readValidation(gateway: Manifest, spec: ValidationSpec, path: string, scope: Scope): FrontendValidation {
  const problems: ValidationProblem[] = [];
  const bundles: string[] = [];
  for (const [index, ref] of spec.caCertificateRefs.entries()) {
    const resolved: ResolvedCa = resolveCa(gateway, ref, scope);
    if ('pem' in resolved) bundles.push(resolved.pem);
    else {
      const { what, message } = resolved.problem;
      problems.push({ path: `${path}.caCertificateRefs[${index}]`, reason: reasons[what], message });
    }
  }
  const message = create(ClientValidationSchema, {
    mode: spec.mode === 'AllowInsecureFallback' ? ClientValidation_Mode.REQUEST : ClientValidation_Mode.REQUIRE,
    caCertificates: bundles.join(''),
    invalid: bundles.length > 0 ? '' : problems.map(({ message: text }) => text).join('; '),
  });
  return { message, problems };
}
