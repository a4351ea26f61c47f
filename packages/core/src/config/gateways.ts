// A laptop's Gateways and ListenerSets: certificates in files become Secrets and ConfigMaps, TLS makes a listener HTTPS.
import type { GatewayShort, ListenerSetShort } from '../kinds/gateway/short-schema.ts';
import { checkPair } from '../kinds/secret/certificate.ts';
import { readCertificates } from '../schema/pem.ts';
import type { Manifest } from '../world.ts';
import type { FieldProblem } from './validate.ts';

/** Reads a file that an item names: its text, or why it cannot be read. Relative paths are relative to the file that names it. */
export type ReadFile = (path: string) => { readonly text: string } | { readonly problem: string };

type Path = FieldProblem['path'];
type Listener = GatewayShort['listeners'][number];
type Files = Pick<NonNullable<Listener['tls']>, 'certificateFile' | 'keyFile'>;

/** A Gateway or ListenerSet of config.yaml as manifests: it, and a Secret or ConfigMap for each file. */
export function expandGateway(
  item: Manifest,
  readFile: ReadFile,
): { readonly manifests: readonly Manifest[]; readonly problems: readonly FieldProblem[] } {
  const expansion = new Expansion(item, readFile);
  const { listeners, ...rest } = item.spec as GatewayShort | ListenerSetShort;
  const spec = {
    ...rest,
    ...('tls' in rest && rest.tls && { tls: expansion.gatewayTls(rest.tls) }),
    listeners: listeners.map((listener, index) => expansion.listener(listener, index)),
  };
  return { manifests: [...expansion.made, { ...item, spec }], problems: expansion.problems };
}

/** Collects what one item expands to. */
class Expansion {
  readonly made: Manifest[] = [];
  readonly problems: FieldProblem[] = [];
  readonly #item: Manifest;
  readonly #readFile: ReadFile;

  constructor(item: Manifest, readFile: ReadFile) {
    this.#item = item;
    this.#readFile = readFile;
  }

  listener({ protocol, tls, ...rest }: Listener, index: number): object {
    const named = protocol ?? (tls ? 'HTTPS' : 'HTTP');
    if (!tls) return { ...rest, protocol: named };
    const { certificateFile, keyFile, certificateRefs = [], ...others } = tls;
    const files = { certificateFile, keyFile };
    const made = this.#secret(files, ['listeners', index, 'tls'], rest.name);
    const refs = made === undefined ? certificateRefs : [{ name: made }, ...certificateRefs];
    return { ...rest, protocol: named, tls: { ...others, ...(refs.length > 0 && { certificateRefs: refs }) } };
  }

  gatewayTls({ frontend, backend }: NonNullable<GatewayShort['tls']>): object {
    return {
      ...(frontend && {
        frontend: {
          default: this.#validation(frontend.default, ['tls', 'frontend', 'default'], 'clients'),
          ...(frontend.perPort && {
            perPort: frontend.perPort.map(({ port, tls }, index) => {
              const path = ['tls', 'frontend', 'perPort', index, 'tls'];
              return { port, tls: this.#validation(tls, path, `clients-${port}`) };
            }),
          }),
        },
      }),
      ...(backend && { backend: this.#backend(backend) }),
    };
  }

  #backend({ clientCertificateRef, ...files }: NonNullable<NonNullable<GatewayShort['tls']>['backend']>): object {
    const path = ['tls', 'backend'];
    const made = this.#secret(files, path, 'backend');
    if (made !== undefined && clientCertificateRef)
      this.problems.push({ path, message: 'clientCertificateRef and certificateFile cannot both be set' });
    const ref = made === undefined ? clientCertificateRef : { name: made };
    return ref ? { clientCertificateRef: ref } : {};
  }

  #validation(
    { validation }: NonNullable<NonNullable<GatewayShort['tls']>['frontend']>['default'],
    at: Path,
    name: string,
  ): object {
    if (!validation) return {};
    const { caCertificateFile, caCertificateRefs = [], mode } = validation;
    const path = [...at, 'validation'];
    const made = this.#configMap(caCertificateFile, [...path, 'caCertificateFile'], name);
    if (caCertificateFile === undefined && caCertificateRefs.length === 0)
      this.problems.push({ path, message: 'caCertificateFile or caCertificateRefs is required' });
    const ref = { group: '', kind: 'ConfigMap', name: made };
    return { validation: { mode, caCertificateRefs: [...(made === undefined ? [] : [ref]), ...caCertificateRefs] } };
  }

  /** A Secret with a certificate and its key; its name, and nothing where no files are named or they are of no use. */
  #secret({ certificateFile, keyFile }: Files, path: Path, name: string): string | undefined {
    if (certificateFile === undefined && keyFile === undefined) return undefined;
    if (certificateFile === undefined || keyFile === undefined) {
      const absent = certificateFile === undefined ? 'certificateFile' : 'keyFile';
      this.problems.push({ path: [...path, absent], message: 'is required: a certificate and its key go together' });
      return undefined;
    }
    const certificate = this.#read(certificateFile, [...path, 'certificateFile']);
    const key = this.#read(keyFile, [...path, 'keyFile']);
    if (certificate === undefined || key === undefined) return undefined;
    // Told here, so that files that are being replaced one by one never take the running certificate away.
    const checked = checkPair(certificate, key);
    if ('problem' in checked) {
      this.problems.push({ path: [...path, `${checked.in}File`], message: checked.problem });
      return undefined;
    }
    const data = { type: 'kubernetes.io/tls', stringData: { 'tls.crt': certificate, 'tls.key': key } };
    return this.#make('Secret', `tls-${name}`, data);
  }

  #configMap(file: string | undefined, path: Path, name: string): string | undefined {
    const text = file === undefined ? undefined : this.#read(file, path);
    if (text === undefined) return undefined;
    const found = readCertificates(text);
    if (typeof found !== 'string') return this.#make('ConfigMap', name, { data: { 'ca.crt': text } });
    this.problems.push({ path, message: found });
    return undefined;
  }

  #read(file: string, path: Path): string | undefined {
    const read = this.#readFile(file);
    if ('text' in read) return read.text;
    this.problems.push({ path, message: `${file} cannot be read: ${read.problem}` });
    return undefined;
  }

  #make(kind: 'Secret' | 'ConfigMap', suffix: string, fields: object): string {
    const { kind: owner, metadata, origin } = this.#item;
    const name = `${owner.toLowerCase()}-${metadata.name}-${suffix}`;
    this.made.push({ apiVersion: 'v1', kind, metadata: { ...metadata, name }, ...fields, ...(origin && { origin }) });
    return name;
  }
}
