// Authenticates callers by API key: hashed at rest, read from the header their SDK uses, never forwarded.
import { hash, timingSafeEqual } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  type APIKey,
  APIKeyAuthentication_Mode,
  APIKeyAuthenticationSchema,
  APIKeySchema,
  MetadataSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { GatewayError } from '../errors.ts';
import type { Exchange, Principal } from '../exchange.ts';
import type { HeaderList } from '../header-list.ts';
import { list, exactlyOne, oneOf, pattern, secret, strict, text, texts } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';

/** Where clients' SDKs put keys. */
const keyHeaders = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key'] as const;

const challenge = { headers: [['www-authenticate', 'Bearer realm="agentgateway"']] as const };

/** Requires a known key. */
export const apiKeyAuthentication = definePolicy({
  kind: 'apiKeyAuthentication',
  summary: 'Authenticates callers by API key, read from authorization, x-api-key, x-goog-api-key or api-key.',
  phase: 'authenticate',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'all',
  schema: strict({
    mode: oneOf('Strict', 'Optional')
      .default('Strict')
      .describe('Optional lets requests without a key pass unauthenticated; a wrong key is refused all the same.'),
    keys: list(
      exactlyOne(['key', 'keyHash'], {
        key: secret().optional().describe('The key itself; only its SHA-256 leaves the configuration.'),
        keyHash: pattern('^sha256:[0-9a-f]{64}$', 'must be sha256: and 64 hexadecimal digits')
          .optional()
          .describe('The key’s SHA-256.'),
        name: text(128)
          .optional()
          .describe('Public name of the key, for logs; the first digits of its hash when left out.'),
        subject: text(256).optional().describe('Who uses the key.'),
        groups: list(text(256)).default([]).describe('Groups of whoever uses it, for expressions and logs.'),
        organization: text(256).optional().describe('Organization of whoever uses it, for expressions.'),
        team: text(256).optional().describe('Team of whoever uses it, for expressions.'),
        metadata: texts(1024).default({}).describe('Free values for expressions and logs.'),
        allowedModels: list(text(256), 256).default([]).describe('Model names, exact or with one *; empty allows all.'),
        expires: pattern(
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$',
          'must be an RFC 3339 time such as 2027-01-31T00:00:00Z',
        )
          .optional()
          .describe('From this time on the key is refused; never when left out.'),
      }),
      10_000,
    )
      .min(1)
      .describe('Every key that is known.'),
  }),
  translate(spec, references) {
    const keys = spec.keys.flatMap((entry, index): APIKey[] => {
      const hash = entry.key
        ? hashOf(references.secretText(entry.key, `keys[${index}].key`))
        : Buffer.from(entry.keyHash!.slice('sha256:'.length), 'hex');
      if (!hash) return [];
      const metadata = Object.entries(entry.metadata)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => create(MetadataSchema, { name, value }));
      return [
        create(APIKeySchema, {
          sha256: hash,
          name: entry.name ?? hash.toString('hex').slice(0, 8),
          subject: entry.subject ?? '',
          groups: entry.groups,
          organization: entry.organization ?? '',
          team: entry.team ?? '',
          metadata,
          allowedModels: entry.allowedModels,
          expiresMs: entry.expires === undefined ? 0n : BigInt(references.toEpochMs(entry.expires)),
        }),
      ];
    });
    keys.sort((a, b) => Buffer.compare(a.sha256, b.sha256));
    return create(APIKeyAuthenticationSchema, {
      keys,
      mode: spec.mode === 'Strict' ? APIKeyAuthentication_Mode.STRICT : APIKeyAuthentication_Mode.OPTIONAL,
    });
  },
  check(message) {
    const seen = new Set<string>();
    return message.keys.flatMap(({ sha256, name }) => {
      const id = Buffer.from(sha256).toString('hex');
      if (sha256.length !== 32) return [{ path: 'keys', message: `the hash of key ${name} is not 32 bytes long` }];
      if (seen.has(id)) return [{ path: 'keys', message: `key ${name} is there twice` }];
      seen.add(id);
      return [];
    });
  },
  compile(message, environment) {
    const known = new Map(
      message.keys.map((key) => [Buffer.from(key.sha256).toString('hex'), { key, principal: toPrincipal(key) }]),
    );
    const isStrict = message.mode !== APIKeyAuthentication_Mode.OPTIONAL;
    return {
      isMandatory: isStrict,
      request(exchange) {
        const presented = takeKeys(exchange);
        if (presented.length === 0) {
          if (isStrict) throw new GatewayError('unauthenticated', 'this request needs an API key', challenge);
          return undefined;
        }
        if (presented.length > 1)
          throw new GatewayError(
            'unauthenticated',
            'the request carries different keys in different headers',
            challenge,
          );
        const digest = presented[0]!;
        const found = known.get(digest);
        if (!found || !timingSafeEqual(found.key.sha256, Buffer.from(digest, 'hex')))
          throw new GatewayError('unauthenticated', 'the API key is not known here', challenge);
        const { expiresMs } = found.key;
        if (expiresMs !== 0n && environment.now() >= Number(expiresMs))
          throw new GatewayError('credential-expired', `the API key ${found.key.name} has expired`, challenge);
        exchange.principal = found.principal;
        return undefined;
      },
    };
  },
});

function hashOf(key: string | undefined): Buffer | undefined {
  return key === undefined ? undefined : hash('sha256', key, 'buffer');
}

/** The fact under which the hashes of the keys stand once a first policy has taken them out. */
const keysFact = 'apiKeyHashes';

/**
 * The distinct hashes, in hexadecimal, of the keys a request carries. The keys are taken out: a client's key never reaches
 * an upstream, and is kept nowhere. A second policy of this kind reads the hashes from the exchange's facts.
 */
function takeKeys(exchange: Exchange): readonly string[] {
  const before = exchange.facts.get(keysFact) as readonly string[] | undefined;
  if (before) return before;
  const hashes = new Set<string>();
  for (const header of keyHeaders) {
    for (const value of exchange.headers.all(header)) {
      const key = header === 'authorization' ? bearerOf(value) : value.trim();
      if (key) hashes.add(hash('sha256', key, 'hex'));
    }
    if (header === 'authorization') takeBearers(exchange.headers);
    else exchange.headers.remove(header);
  }
  const found = [...hashes];
  exchange.facts.set(keysFact, found);
  return found;
}

/** The key in an Authorization value: after `Bearer`, or alone as some clients send it; undefined for other schemes. */
function bearerOf(value: string): string | undefined {
  if (value.startsWith('Bearer ')) return value.slice('Bearer '.length).trim();
  const [scheme = '', key] = value.trim().split(/ +(.*)/s);
  if (scheme.toLowerCase() === 'bearer') return key ?? '';
  return key === undefined ? scheme : undefined;
}

/** Removes the Authorization fields that hold keys; other schemes belong to whoever reads them. */
function takeBearers(headers: HeaderList): void {
  if (!headers.has('authorization')) return;
  const others = headers.all('authorization').filter((value) => bearerOf(value) === undefined);
  headers.remove('authorization');
  for (const value of others) headers.append('authorization', value);
}

function toPrincipal(key: APIKey): Principal {
  return {
    subject: key.subject || undefined,
    groups: key.groups,
    organization: key.organization || undefined,
    team: key.team || undefined,
    metadata: Object.fromEntries(key.metadata.map(({ name, value }) => [name, value])),
    credential: { kind: 'apiKey', id: key.name },
    allowedModels: key.allowedModels,
  };
}
