// How TLS is spoken to a backend: whom its certificate must name, who must have signed it, and what is shown to it.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type BackendTLS,
  BackendTLSSchema,
  type ClientCertificate,
  SubjectAltNameSchema,
  type TLSValidation,
  TLSValidationSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { Environment } from '../environment.ts';
import { boolean, list, name, oneOf, strict, text } from '../schema/dialect.ts';
import type { BackendTlsSettings } from '../settings.ts';
import { hostnameProblems } from './check.ts';
import { type Problem, definePolicy } from './define.ts';
import { certificateProblem } from './pem.ts';

/** Longest bundle of certificates, in characters. */
const bundleCharactersMax = 256 * 1024;

/** One name that a certificate may carry (Gateway API SubjectAltName). */
export const subjectAltName = strict({
  type: oneOf('Hostname', 'URI').describe('Which of the two fields below holds.'),
  hostname: text(253).optional().describe('A DNS name, exact or with a leading `*.`.'),
  uri: text(253).optional().describe('A URI, such as spiffe://cluster.example.com/ns/team/sa/app.'),
});

interface SubjectAltNameSpec {
  readonly type: 'Hostname' | 'URI';
  readonly hostname?: string | undefined;
  readonly uri?: string | undefined;
}

/** TLS to a backend. What cannot be applied sends nothing: plain text is never spoken in its place. */
export const backendTLS = definePolicy({
  kind: 'backendTLS',
  summary: 'Speaks TLS to a backend: whom its certificate must name, who must have signed it, what is shown to it.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'route', 'rule', 'service', 'servicePort', 'httpBackend'],
  merge: 'fields',
  schema: strict({
    validation: strict({
      hostname: text(253)
        .optional()
        .describe(
          'Sent as SNI, and verified where no subjectAltNames are given; the backend’s own name when left out.',
        ),
      caCertificates: text(bundleCharactersMax)
        .optional()
        .describe('Certificates in PEM that are trusted in place of the system’s.'),
      subjectAltNames: list(subjectAltName, 5)
        .optional()
        .describe('One of these must be in the certificate, in place of the host name.'),
      insecureSkipVerify: boolean()
        .optional()
        .describe('Verifies nothing, so that anyone can answer in the backend’s place: for tests alone.'),
    })
      .optional()
      .describe(
        'TLS is spoken, and this is whom the backend’s certificate must name and who must have signed it; left out where only a clientCertificate is given, for backends that speak TLS anyway.',
      ),
    clientCertificate: strict({
      secretRef: strict({ name: name().describe('Name of the Secret, which holds tls.crt and tls.key.') }).describe(
        'A Secret of type kubernetes.io/tls in the policy’s namespace.',
      ),
    })
      .optional()
      .describe('Shown to the backend where it asks for a certificate.'),
  }),
  translate({ validation, clientCertificate }, references) {
    const entry = (key: string, path: string) =>
      references.secret({ secretRef: { name: clientCertificate!.secretRef.name, key } }, path);
    const [certificate, key] = clientCertificate
      ? [entry('tls.crt', 'clientCertificate'), entry('tls.key', 'clientCertificate')]
      : [];
    const names = (validation?.subjectAltNames ?? []).map((alternative, index) => {
      const path = `validation.subjectAltNames[${index}]`;
      for (const problem of subjectAltNameProblems(alternative))
        references.problem(`${path}.${problem.path}`, problem.message);
      return toSubjectAltName(alternative);
    });
    if (!validation && !clientCertificate) references.problem('', 'holds neither validation nor clientCertificate');
    return create(BackendTLSSchema, {
      ...(validation && {
        validation: {
          serverName: validation.hostname ?? '',
          caCertificates: validation.caCertificates === undefined ? [] : [validation.caCertificates],
          subjectAltNames: names,
          insecureSkipVerify: validation.insecureSkipVerify ?? false,
        },
      }),
      ...(certificate && key && { clientCertificate: { certificate, key } }),
    });
  },
  check: ({ validation }) => (validation ? validationProblems(validation) : []),
  closed: (why) => create(BackendTLSSchema, { validation: closedValidation(why) }),
  compile: (message, environment): BackendTlsSettings => toSettings(message, environment),
});

/** Stands in for what cannot be applied: nothing is sent. */
export function closedValidation(why: string): TLSValidation {
  return create(TLSValidationSchema, { invalid: why });
}

/** What is wrong with the fields of a name together. */
export function subjectAltNameProblems({ type, hostname, uri }: SubjectAltNameSpec): Problem[] {
  const [wanted, value, other, extra] =
    type === 'Hostname' ? (['hostname', hostname, 'uri', uri] as const) : (['uri', uri, 'hostname', hostname] as const);
  if (extra) return [{ path: other, message: `belongs to another type than ${type}` }];
  if (!value) return [{ path: wanted, message: `must be set for type ${type}` }];
  if (type === 'Hostname') return hostnameProblems(value.replace(/^\*\./, ''), 'hostname');
  return /^[a-z][a-z0-9+.-]*:[^\s]+$/i.test(value)
    ? []
    : [{ path: 'uri', message: `'${value}' is not a URI with a scheme` }];
}

/** The message of a name. */
export function toSubjectAltName({ type, hostname = '', uri = '' }: SubjectAltNameSpec) {
  return create(SubjectAltNameSchema, {
    name: type === 'Hostname' ? { case: 'hostname', value: hostname.toLowerCase() } : { case: 'uri', value: uri },
  });
}

function validationProblems({
  serverName,
  caCertificates,
  insecureSkipVerify,
  subjectAltNames,
}: TLSValidation): Problem[] {
  const problems = caCertificates.flatMap((pem): Problem[] => {
    const message = certificateProblem(pem);
    return message === undefined ? [] : [{ path: 'validation.caCertificates', message }];
  });
  if (serverName !== '') problems.push(...hostnameProblems(serverName, 'validation.hostname'));
  if (insecureSkipVerify && (caCertificates.length > 0 || subjectAltNames.length > 0))
    problems.push({
      path: 'validation.insecureSkipVerify',
      message: 'verifies nothing, so it cannot stand beside caCertificates or subjectAltNames',
    });
  return problems;
}

function toSettings(message: BackendTLS, environment: Environment): BackendTlsSettings {
  const { validation, clientCertificate } = message;
  const { serverName, caCertificates, subjectAltNames, insecureSkipVerify, invalid } =
    validation ?? create(TLSValidationSchema);
  return Object.freeze({
    id: Buffer.from(toBinary(BackendTLSSchema, message)).toString('base64'),
    isSpoken: validation !== undefined,
    serverName: serverName || undefined,
    caCertificates: Object.freeze([...caCertificates]),
    subjectAltNames: Object.freeze(
      subjectAltNames.flatMap(({ name: { case: kind, value } }) => (kind ? [Object.freeze({ kind, value })] : [])),
    ),
    isVerified: !insecureSkipVerify,
    clientCertificate: clientCertificate && toClientCertificate(clientCertificate, environment),
    invalid: invalid || undefined,
  });
}

function toClientCertificate({ certificate, key }: ClientCertificate, environment: Environment) {
  return Object.freeze({
    certificate: environment.secret({ secret: certificate?.secret ?? '', entry: certificate?.entry ?? '' }),
    key: environment.secret({ secret: key?.secret ?? '', entry: key?.entry ?? '' }),
  });
}
