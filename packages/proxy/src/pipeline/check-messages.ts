// The messages of Envoy's ext_authz, as one gRPC message each way (gRPC over HTTP/2, "Length-Prefixed-Message").
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type AuthHeaderOption,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from '@agentgateway/api/gen/agentgateway/v1/external_auth_pb.ts';
import { headerNameProblems, isHeaderValue } from '@agentgateway/core/policy/check.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';

/** Where the method is called. */
export const checkPath = '/envoy.service.auth.v3.Authorization/Check';

/** Flag of compression and four bytes of length. */
const prefixBytes = 5;

type Fields = readonly (readonly [string, string])[];

/** What a server has said. */
export type Checked =
  | {
      readonly allowed: { readonly set: Fields; readonly removed: readonly string[]; readonly answer: Fields };
      readonly denied?: undefined;
    }
  | {
      readonly allowed?: undefined;
      readonly denied: { readonly status: number; readonly headers: Fields; readonly body: string };
    };

/** The question about a request. Of its headers the named ones, or all. */
export function toCheckBody(exchange: Exchange, body: Uint8Array | undefined, names: readonly string[]): Uint8Array {
  const { id, method, headers, pathAndQuery, authority, scheme, head } = exchange;
  const wanted = names.length > 0 ? names : new Set(headers.entries().map(([name]) => name.toLowerCase()));
  const entries = [...wanted].flatMap((key) => {
    const value = headers.combined(key);
    return value === undefined ? [] : [{ key, value }];
  });
  const message = create(CheckRequestSchema, {
    attributes: {
      source: { address: { socketAddress: { address: head.client.address, portValue: head.client.port } } },
      request: {
        http: {
          id,
          method,
          headers: entries,
          path: pathAndQuery,
          host: authority,
          scheme,
          size: BigInt(body?.byteLength ?? -1),
          protocol: head.httpVersion === '2' ? 'HTTP/2' : `HTTP/${head.httpVersion}`,
          ...(body && { rawBody: body }),
        },
      },
    },
  });
  const bytes = toBinary(CheckRequestSchema, message);
  const framed = Buffer.alloc(prefixBytes + bytes.byteLength);
  framed.writeUInt32BE(bytes.byteLength, 1);
  framed.set(bytes, prefixBytes);
  return framed;
}

/** Reads the answer. Throws where it is none. */
export function fromCheckBody(bytes: Uint8Array): Checked {
  const { status, httpResponse } = readMessage(bytes);
  const isAllowed = (status?.code ?? 0) === 0 && httpResponse.case !== 'deniedResponse';
  if (!isAllowed) {
    const said = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
    const code = said?.status?.code ?? 0;
    const isStatus = code >= 400 ? code <= 599 : code >= 300;
    return {
      denied: { status: isStatus ? code : forbidden, headers: toFields(said?.headers), body: said?.body ?? '' },
    };
  }
  const said = httpResponse.case === 'okResponse' ? httpResponse.value : undefined;
  return {
    allowed: {
      set: toFields(said?.headers),
      removed: (said?.headersToRemove ?? []).map((name) => name.toLowerCase()).filter(isWritable),
      answer: toFields(said?.responseHeadersToAdd),
    },
  };
}

const forbidden = 403;

function readMessage(bytes: Uint8Array): CheckResponse {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.byteLength < prefixBytes || buffer[0] !== 0 || buffer.readUInt32BE(1) !== buffer.byteLength - prefixBytes)
    throw new GatewayError('upstream-protocol-error', 'the authorization server answered no single message');
  try {
    return fromBinary(CheckResponseSchema, buffer.subarray(prefixBytes));
  } catch (cause) {
    throw new GatewayError('upstream-protocol-error', 'the authorization server answered no CheckResponse', { cause });
  }
}

/** Names that may be written: what belongs to the connection stays, and with it where the request goes. */
function isWritable(name: string): boolean {
  return headerNameProblems(name, '').length === 0;
}

function toFields(options: readonly AuthHeaderOption[] = []): Fields {
  return options.flatMap(({ header }) => {
    if (!header) return [];
    const value = header.value || Buffer.from(header.rawValue).toString('latin1');
    return isWritable(header.key) && isHeaderValue(value) ? [[header.key.toLowerCase(), value] as const] : [];
  });
}
