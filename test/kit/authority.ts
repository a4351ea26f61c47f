// A certificate authority of openssl for tests: certificates for hosts and clients, good ones and expired ones.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestCertificate } from './certificate.ts';

/** What a certificate is for. */
export interface Issue {
  /** DNS names. */
  readonly names?: readonly string[];
  readonly uris?: readonly string[];
  readonly key?: 'rsa' | 'ec';
  /** Its time has run out. */
  readonly isExpired?: boolean;
}

/** An authority and what it signs. */
export interface Authority {
  /** In PEM. */
  readonly cert: string;
  /** The subject's common name says who it is. */
  issue(commonName: string, issue?: Issue): TestCertificate;
}

const keyOptions = {
  rsa: ['-newkey', 'rsa:2048'],
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
} as const;

/** Whether there is an openssl to make certificates with. */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Makes an authority. Throws where openssl is missing. */
export function makeAuthority(commonName = 'test-ca'): Authority {
  return inFolder((folder) => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const subject = ['-subj', `/CN=${commonName}`, '-days', '2', '-keyout', key, '-out', cert];
    openssl('req', '-x509', ...keyOptions.ec, '-nodes', ...subject);
    const own = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    return { cert: own.cert, issue: (name, issue = {}) => sign(own, name, issue) };
  });
}

function sign(authority: TestCertificate, commonName: string, issue: Issue): TestCertificate {
  const { names = [], uris = [], key = 'ec', isExpired = false } = issue;
  return inFolder((folder) => {
    const path = (file: string): string => join(folder, file);
    writeFileSync(path('ca.pem'), authority.cert);
    writeFileSync(path('ca.key'), authority.key);
    const alternatives = [...names.map((name) => `DNS:${name}`), ...uris.map((uri) => `URI:${uri}`)];
    writeFileSync(
      path('extensions'),
      `basicConstraints=CA:FALSE\n${alternatives.length > 0 ? `subjectAltName=${alternatives.join(',')}\n` : ''}`,
    );
    const subject = ['-subj', `/CN=${commonName}`, '-keyout', path('key.pem'), '-out', path('request.pem')];
    openssl('req', ...keyOptions[key], '-nodes', ...subject);
    const signer = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-extfile', path('extensions')];
    const days = ['-days', isExpired ? '-1' : '2'];
    openssl('x509', '-req', '-in', path('request.pem'), ...signer, ...days, '-out', path('cert.pem'));
    return { cert: readFileSync(path('cert.pem'), 'utf8'), key: readFileSync(path('key.pem'), 'utf8') };
  });
}

function openssl(...parameters: readonly string[]): void {
  execFileSync('openssl', parameters, { stdio: 'ignore' });
}

function inFolder<T>(make: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'agentgateway-ca-'));
  try {
    return make(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
