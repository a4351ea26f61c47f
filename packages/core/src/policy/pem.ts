// Certificates in PEM, as far as they can be judged without using them (RFC 7468).
import { X509Certificate } from 'node:crypto';

const block = /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** What is wrong with a bundle of certificates; undefined when each of them can be read, and there is one. */
export function certificateProblem(pem: string): string | undefined {
  const found = pem.match(block) ?? [];
  if (found.length === 0) return 'holds no certificate in PEM';
  for (const [index, certificate] of found.entries())
    try {
      void new X509Certificate(certificate);
    } catch {
      return `certificate ${index + 1} of ${found.length} cannot be read`;
    }
  return undefined;
}
