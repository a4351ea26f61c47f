// What CEL expressions see of an exchange: built only as far as an expression reads (features of contract 2, 15).
import { headerMap } from '@agentgateway/cel';
import type { Exchange, Reply } from './exchange.ts';
import type { HeaderList } from './header-list.ts';

/** Roots that policies may use. */
export const policyRoots = ['request', 'response', 'source', 'principal', 'apiKey', 'llm', 'proxy'] as const;

/** The context of an exchange; `response` exists once there is a reply. */
export function celContext(exchange: Exchange, reply?: Reply): Record<string, unknown> {
  return {
    __proto__: null,
    get request() {
      return requestOf(exchange);
    },
    get response() {
      return (
        reply && {
          __proto__: null,
          code: reply.status,
          headers: headersOf(reply.headers),
          body: textOf(reply.body.buffered),
        }
      );
    },
    source: { __proto__: null, address: exchange.head.client.address, port: exchange.head.client.port },
    get principal() {
      const { principal } = exchange;
      return (
        principal && {
          __proto__: null,
          subject: principal.subject ?? '',
          groups: principal.groups,
          organization: principal.organization ?? '',
          team: principal.team ?? '',
          metadata: principal.metadata,
        }
      );
    },
    get apiKey() {
      return (
        exchange.principal && {
          __proto__: null,
          name: exchange.principal.credential.id,
          metadata: exchange.principal.metadata,
        }
      );
    },
    get llm() {
      const { llm } = exchange;
      return (
        llm && {
          __proto__: null,
          requestModel: llm.requestModel,
          provider: llm.provider ?? '',
          streaming: llm.isStreaming,
          params: llm.params,
        }
      );
    },
    get proxy() {
      const { gateway, listener, route, rule } = exchange.placement;
      return { __proto__: null, gateway, listener, route, rule };
    },
  };
}

function requestOf(exchange: Exchange): Record<string, unknown> {
  return {
    __proto__: null,
    method: exchange.method,
    scheme: exchange.scheme,
    host: exchange.authority,
    path: exchange.path,
    pathAndQuery: exchange.pathAndQuery,
    uri: `${exchange.scheme}://${exchange.authority}${exchange.pathAndQuery}`,
    version: `HTTP/${exchange.head.httpVersion}`,
    get headers() {
      return headersOf(exchange.headers);
    },
    get body() {
      return textOf(exchange.body.buffered);
    },
  };
}

function headersOf(headers: HeaderList): unknown {
  return headerMap(
    (name) => headers.combined(name),
    () => headers.entries(),
  );
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
