// Admits and refuses clients by their addresses.
import { create } from '@bufbuild/protobuf';
import { type IPAccess, IPAccessSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { isInRange, parseAddress, parseRange } from '../cidr.ts';
import { GatewayError } from '../errors.ts';
import { list, strict, text } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';

/** Longest list of ranges. */
const rangesMax = 256;

const ranges = () => list(text(64), rangesMax).optional();

/** Looks at the client's address: that of the connection, or the one that trusted proxies in front have told. */
export const ipAccess = definePolicy({
  kind: 'ipAccess',
  summary: 'Admits or refuses clients by the range their address is in.',
  phase: 'admit',
  attach: ['gateway', 'listener', 'route', 'rule', 'l4Route'],
  merge: 'all',
  schema: strict({
    allow: ranges().describe(
      'Ranges such as 10.0.0.0/8 or 2001:db8::/32; where there are some, only they are admitted.',
    ),
    deny: ranges().describe('Ranges that are refused, also where they are allowed.'),
  }),
  translate: ({ allow = [], deny = [] }, references) => {
    if (allow.length === 0 && deny.length === 0) references.problem('', 'one of allow and deny must name a range');
    return create(IPAccessSchema, { allow: [...new Set(allow)].sort(), deny: [...new Set(deny)].sort() });
  },
  check: ({ allow, deny }) =>
    Object.entries({ allow, deny }).flatMap(([field, texts]) =>
      texts.flatMap((range) =>
        parseRange(range)
          ? []
          : [{ path: field, message: `'${range}' is not a range such as 10.0.0.0/8, or has bits beyond its prefix` }],
      ),
    ),
  compile(message) {
    const isAdmitted = toAddressTest(message);
    return {
      accept: ({ address }) => isAdmitted(address),
      request({ head: { client } }) {
        if (!isAdmitted(client.address))
          throw new GatewayError('address-forbidden', `clients at ${client.address} are not admitted`);
        return undefined;
      },
    };
  },
});

/** Whether an address is admitted; what is no address is not. */
function toAddressTest({ allow, deny }: IPAccess): (address: string) => boolean {
  const [allowed, denied] = [allow, deny].map((texts) => texts.flatMap((range) => parseRange(range) ?? []));
  return (text) => {
    const address = parseAddress(text);
    if (!address || denied!.some((range) => isInRange(address, range))) return false;
    return allowed!.length === 0 || allowed!.some((range) => isInRange(address, range));
  };
}
