// A certificate and its key for whatever configuration under test names by file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../packages/proxy/src/source/testdata');

/** The text of a certificate, or of its key for paths that end in `.key`; self-signed for a.example.com. */
export function readCertificateFile(path: string): { readonly text: string } {
  return { text: readFileSync(join(folder, path.endsWith('.key') ? 'a.key' : 'a.crt'), 'utf8') };
}
