// Sessions that the gateway marks: a sealed cookie or header that names the endpoint a client was first sent to (GEP-1619).
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { PersistenceSettings } from '@agentgateway/core/settings.ts';
import type { Session } from '@agentgateway/core/target.ts';
import { toMark } from '../backend/picker/endpoint-table.ts';
import type { BackendChoice, RulePlan } from '../snapshot/snapshot.ts';

/** What a mark says. Times in milliseconds since the epoch. */
interface Mark {
  /** 16 hexadecimal digits that stand for the backend and its port. */
  readonly backend: string;
  /** Likewise for the endpoint. */
  readonly endpoint: string;
  /** When the session began. */
  readonly begunMs: number;
  /** When it was last marked. */
  readonly usedMs: number;
}

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const digestBytes = 8;
const timeBytes = 6;
const markBytes = 2 * digestBytes + 2 * timeBytes;
const sealedBytes = nonceBytes + markBytes + tagBytes;

/** Stands for no endpoint. */
const noEndpoint = '0'.repeat(2 * digestBytes);

/** Marks of one name that a request may show; further ones are not looked at. */
const marksMax = 8;

/** The share of an idle time-out after which a session is marked anew. */
const refreshShare = 0.1;

/** Opens and seals the marks of sessions. Marks sealed with the same key are read by every process that has it. */
export class Sessions {
  readonly #key: Buffer;
  readonly #now: () => number;

  /** The key may be any text; marks without a key of their own are sealed with it. */
  constructor(key: string | Uint8Array, now: () => number) {
    this.#key = toKey(key);
    this.#now = now;
  }

  /** The session of a request to a rule; undefined where the rule marks none. */
  open(exchange: Exchange, rule: RulePlan): MarkedSession | undefined {
    const settings = rule.settings.sessionAffinity;
    if (settings?.kind !== 'persistence') return undefined;
    const name = settings.sessionName || defaultName(rule);
    const text = settings.key?.current();
    const key = text === undefined ? this.#key : toKey(text);
    const nowMs = this.#now();
    const isAlive = ({ begunMs, usedMs }: Mark): boolean =>
      (settings.absoluteMs === 0 || nowMs < begunMs + settings.absoluteMs) &&
      (settings.idleMs === 0 || nowMs < usedMs + settings.idleMs);
    const shown = readMarks(exchange, settings.type, name);
    let mark: Mark | undefined;
    for (const sealed of shown.slice(0, marksMax)) {
      const opened = unseal(sealed, key, name);
      if (opened && isAlive(opened)) mark = opened;
      if (mark) break;
    }
    return new MarkedSession({ exchange, settings, name, key, nowMs, mark });
  }
}

interface SessionParts {
  readonly exchange: Exchange;
  readonly settings: PersistenceSettings;
  readonly name: string;
  readonly key: Buffer;
  readonly nowMs: number;
  /** What the request has shown; undefined where the session is to begin. */
  readonly mark: Mark | undefined;
}

/** The session of one request. */
export class MarkedSession implements Session {
  readonly #parts: SessionParts;
  #bound: { readonly backend: string; readonly endpoint: string } | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /**
   * The backend that the session is bound to, whatever its weight is now: weights say where sessions begin (GEP-1619).
   * Undefined where it is none of these any more.
   */
  choose(backends: readonly BackendChoice[]): BackendChoice | undefined {
    const bound = this.#parts.mark?.backend;
    if (bound === undefined) return undefined;
    return backends.find(({ key, port, invalid }) => invalid === undefined && markOf(key, port) === bound);
  }

  endpointOf(backend: string, port: number): string | undefined {
    const { mark } = this.#parts;
    return mark?.backend === markOf(backend, port) ? mark.endpoint : undefined;
  }

  bind(backend: string, port: number, endpoint: string): void {
    this.#bound = { backend: markOf(backend, port), endpoint };
  }

  /** Marks the answer, where the session began, has moved, or would end for want of a later mark. */
  mark(reply: Reply, choice: Pick<BackendChoice, 'key' | 'port'>): void {
    const { mark, settings, nowMs, name, key, exchange } = this.#parts;
    if (reply.origin !== 'upstream') return;
    // A backend that chooses no endpoints, such as one of models, is bound as a whole.
    const bound = this.#bound ?? { backend: markOf(choice.key, choice.port), endpoint: noEndpoint };
    const isSame = mark?.backend === bound.backend && mark.endpoint === bound.endpoint;
    const isFresh = settings.idleMs === 0 || (mark && nowMs < mark.usedMs + settings.idleMs * refreshShare);
    if (isSame && isFresh && settings.type === 'cookie') return;
    const begunMs = mark?.begunMs ?? nowMs;
    const sealed = seal({ ...bound, begunMs, usedMs: nowMs }, key, name);
    if (settings.type === 'header') reply.headers.set(name, sealed);
    else
      reply.headers.append(
        'set-cookie',
        toCookie(exchange, settings, `${name}=${sealed}`, begunMs + settings.absoluteMs - nowMs),
      );
  }
}

function toCookie(
  { placement, scheme }: Exchange,
  settings: PersistenceSettings,
  pair: string,
  leftMs: number,
): string {
  const path = placement.matchedPrefix ?? '/';
  // A path with what separates attributes cannot be said; the whole site is then what the cookie is for.
  const attributes = [pair, `Path=${/^\/[^;\s]*$/.test(path) ? path : '/'}`];
  if (settings.isPermanent) attributes.push(`Max-Age=${Math.max(0, Math.floor(leftMs / 1000))}`);
  attributes.push('HttpOnly', 'SameSite=Lax');
  if (scheme === 'https') attributes.push('Secure');
  return attributes.join('; ');
}

/** What the request shows under the name. */
function readMarks({ headers }: Exchange, type: PersistenceSettings['type'], name: string): string[] {
  if (type === 'header') return headers.all(name.toLowerCase());
  const prefix = `${name}=`;
  return (headers.combined('cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(prefix))
    .map((pair) => pair.slice(prefix.length));
}

/** A name of the rule's own: rules have sessions of their own. */
function defaultName({ route, rule, index }: RulePlan): string {
  return `agentgateway-${toMark(`${route} ${rule || index}`).slice(0, 8)}`;
}

const marks = new Map<string, string>();

/** Backends whose digests are remembered. */
const knownMax = 10_000;

function markOf(backend: string, port: number): string {
  const name = `${backend} ${port}`;
  let mark = marks.get(name);
  if (mark === undefined) {
    if (marks.size >= knownMax) marks.clear();
    marks.set(name, (mark = toMark(name)));
  }
  return mark;
}

function toKey(key: string | Uint8Array): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Nonce, what is sealed, tag; the name is bound to it, so that no session's mark passes for another's. */
function seal({ backend, endpoint, begunMs, usedMs }: Mark, key: Buffer, name: string): string {
  const plain = Buffer.alloc(markBytes);
  plain.write(backend, 0, 'hex');
  plain.write(endpoint, digestBytes, 'hex');
  plain.writeUIntBE(begunMs, 2 * digestBytes, timeBytes);
  plain.writeUIntBE(usedMs, 2 * digestBytes + timeBytes, timeBytes);
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, key, nonce).setAAD(Buffer.from(name));
  return Buffer.concat([nonce, sealing.update(plain), sealing.final(), sealing.getAuthTag()]).toString('base64url');
}

/** Undefined for what was not sealed with the key under the name. */
function unseal(text: string, key: Buffer, name: string): Mark | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.byteLength !== sealedBytes) return undefined;
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
    .setAAD(Buffer.from(name))
    .setAuthTag(bytes.subarray(sealedBytes - tagBytes));
  try {
    const plain = Buffer.concat([opening.update(bytes.subarray(nonceBytes, sealedBytes - tagBytes)), opening.final()]);
    return {
      backend: plain.toString('hex', 0, digestBytes),
      endpoint: plain.toString('hex', digestBytes, 2 * digestBytes),
      begunMs: plain.readUIntBE(2 * digestBytes, timeBytes),
      usedMs: plain.readUIntBE(2 * digestBytes + timeBytes, timeBytes),
    };
  } catch {
    return undefined;
  }
}
