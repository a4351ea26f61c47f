// Cross-site request forgery: what changes something must come from a page of the host itself, or of a named origin.
import { create } from '@bufbuild/protobuf';
import { CSRFSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { GatewayError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { boolean, list, strict, text } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';
import { originPattern, toOriginTest } from './origin.ts';

/** Methods that change nothing (RFC 9110 §9.2.1). */
const safe = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Compares where a request comes from, by `origin` and else `referer`, with the host it goes to. */
export const csrf = definePolicy({
  kind: 'csrf',
  summary: 'Refuses requests that change something and come from pages of other origins, or do not say where from.',
  phase: 'admit',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'all',
  schema: strict({
    additionalOrigins: list(text(253))
      .optional()
      .describe('Origins beside the host itself, such as https://app.example.com or https://*.example.com.'),
    shadow: boolean()
      .optional()
      .describe('Notes in the request’s story what would be refused, and refuses nothing; false when left out.'),
  }),
  translate: ({ additionalOrigins = [], shadow = false }) =>
    create(CSRFSchema, { additionalOrigins: [...new Set(additionalOrigins)].sort(), isShadow: shadow }),
  check: ({ additionalOrigins }) =>
    additionalOrigins.flatMap((origin, index) =>
      originPattern.test(origin)
        ? []
        : [
            {
              path: `additionalOrigins[${index}]`,
              message: `'${origin}' is not an origin such as https://app.example.com`,
            },
          ],
    ),
  compile({ additionalOrigins, isShadow }) {
    const tests = additionalOrigins.map(toOriginTest);
    return {
      request(exchange) {
        if (safe.has(exchange.head.method)) return undefined;
        const why = findFault(exchange, tests);
        if (why === undefined) return undefined;
        if (!isShadow) throw new GatewayError('origin-forbidden', why);
        exchange.notes.push(`csrf would refuse this request: ${why}`);
        return undefined;
      },
    };
  },
});

function findFault(exchange: Exchange, tests: readonly ((origin: string) => boolean)[]): string | undefined {
  const source = sourceOf(exchange);
  if (source === undefined) return 'the request does not say which page it comes from';
  // Whether the gateway's own side is https is not always known to it, so that hosts are compared and not schemes.
  if (hostOf(source, source) === hostOf(`${exchange.scheme}://${exchange.head.authority}`, source)) return undefined;
  return tests.some((test) => test(source)) ? undefined : 'the request comes from a page of another origin';
}

/** The origin a request comes from, as `scheme://host[:port]`; undefined for none and for the opaque one, `null`. */
function sourceOf({ head: { headers } }: Exchange): string | undefined {
  const origins = headers.all('origin');
  // Several contradict each other.
  if (origins.length > 1) return undefined;
  const [source = headers.get('referer')] = origins;
  if (source === undefined || !URL.canParse(source)) return undefined;
  const { origin } = new URL(source);
  return origin === 'null' ? undefined : origin;
}

/** Host and port, the port that is usual for the scheme of `by` left out. */
function hostOf(origin: string, by: string): string | undefined {
  const scheme = by.slice(0, by.indexOf(':'));
  const rest = `${scheme}${origin.slice(origin.indexOf(':'))}`;
  return URL.canParse(rest) ? new URL(rest).host : undefined;
}
