// `tls.options` of a listener: the keys of our domain, what they may say, and in which words it travels.
import { TlsVersion } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { nearest } from '../../config/suggest.ts';

/** What the options ask for. */
export interface TlsOptions {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** In OpenSSL's words; empty for the process's own choice. */
  readonly cipherSuites: readonly string[];
}

const domain = 'agentgateway.dev/';
const keys = ['min-version', 'max-version', 'cipher-suites'].map((key) => domain + key);

const versions: ReadonlyMap<string, TlsVersion> = new Map([
  ['1.2', TlsVersion.TLS_VERSION_1_2],
  ['1.3', TlsVersion.TLS_VERSION_1_3],
]);

/** The names of the IANA registry → OpenSSL's. Suites without forward secrecy or authenticated encryption are left out. */
const suites: ReadonlyMap<string, string> = new Map([
  ['TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'],
  ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
]);
const opensslNames = new Set(suites.values());

/** A mistake: the option, empty for all of them, and what is wrong. */
export interface OptionProblem {
  readonly key: string;
  readonly message: string;
}

/** Reads the options. Those of other implementations' domains are theirs. */
export function readTlsOptions(
  options: Readonly<Record<string, string>>,
): { readonly options: TlsOptions } | { readonly problem: OptionProblem } {
  const strange = Object.keys(options).find(
    (key) => !keys.includes(key) && (key.startsWith(domain) || !key.includes('/')),
  );
  if (strange !== undefined) {
    const near = nearest(strange, keys);
    const hint = near === undefined ? `known: ${keys.join(', ')}` : `did you mean ${near}?`;
    return { problem: { key: strange, message: `is not known; ${hint}` } };
  }
  const versionOf = (key: string): TlsVersion | undefined => {
    const text = options[key];
    return text === undefined ? TlsVersion.TLS_VERSION_UNSPECIFIED : versions.get(text.trim());
  };
  const [minKey, maxKey, suitesKey] = keys as [string, string, string];
  const minVersion = versionOf(minKey);
  const maxVersion = versionOf(maxKey);
  for (const [key, version] of [
    [minKey, minVersion],
    [maxKey, maxVersion],
  ] as const)
    if (version === undefined) return { problem: { key, message: `is '${options[key]}'; it must be 1.2 or 1.3` } };
  if (maxVersion! > 0 && minVersion! > maxVersion!) return { problem: { key: minKey, message: `is above ${maxKey}` } };
  const cipherSuites = readSuites(options[suitesKey]);
  if (typeof cipherSuites === 'string') return { problem: { key: suitesKey, message: cipherSuites } };
  const unusable = uselessSuites(cipherSuites, { minVersion: minVersion!, maxVersion: maxVersion! });
  if (unusable !== undefined) return { problem: { key: suitesKey, message: unusable } };
  return { options: { minVersion: minVersion!, maxVersion: maxVersion!, cipherSuites } };
}

function readSuites(text: string | undefined): readonly string[] | string {
  if (text === undefined) return [];
  const names = text.split(/[,:\s]+/).filter((name) => name !== '');
  if (names.length === 0) return 'names no cipher suite';
  const found: string[] = [];
  for (const name of names) {
    const suite = suites.get(name) ?? (opensslNames.has(name) ? name : undefined);
    if (suite === undefined) return `${name} is not supported; supported: ${[...suites.keys()].join(', ')}`;
    if (!found.includes(suite)) found.push(suite);
  }
  return found;
}

/** Suites belong to a version: with none for any version that is allowed, no handshake could succeed. */
function uselessSuites(
  named: readonly string[],
  { minVersion, maxVersion }: Pick<TlsOptions, 'minVersion' | 'maxVersion'>,
): string | undefined {
  if (named.length === 0) return undefined;
  const has13 = named.some((name) => name.startsWith('TLS_'));
  const has12 = named.some((name) => !name.startsWith('TLS_'));
  if (minVersion === TlsVersion.TLS_VERSION_1_3 && !has13)
    return 'names no suite of TLS 1.3, the lowest version allowed';
  if (maxVersion === TlsVersion.TLS_VERSION_1_2 && !has12)
    return 'names no suite of TLS 1.2, the highest version allowed';
  return undefined;
}
