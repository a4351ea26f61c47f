// Certificates in PEM: what a text holds of them (RFC 7468).
import { X509Certificate } from 'node:crypto';

/** The certificates in a text, the first first; a text says why it holds none that can be used. */
export function readCertificates(text: string): readonly X509Certificate[] | string {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return 'holds no certificate in PEM';
  const found: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      found.push(new X509Certificate(block));
    } catch {
      return `certificate ${index + 1} of ${blocks.length} cannot be read`;
    }
  }
  return found;
}

/** The DNS names that a certificate is for, in lower case; wildcards as `*.suffix`. */
export function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').flatMap((entry) => (entry.startsWith('DNS:') ? entry.slice(4).toLowerCase() : []));
}
