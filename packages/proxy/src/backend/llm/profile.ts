// A configured provider, ready to be called: address, formats, credential, dialect.
import type { LLMProvider } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { SecretValue } from '@agentgateway/core/environment.ts';
import type { EjectionLimits } from '@agentgateway/core/settings.ts';
import { type FormatName, formats as formatTable } from '@agentgateway/llm/format.ts';
import type { Dialectal } from '@agentgateway/llm/hub/codec.ts';
import { maxOutputTokens } from '@agentgateway/llm/provider/max-tokens.ts';
import { type ProviderProfile, isProviderDriver, toProfile } from '@agentgateway/llm/provider/provider.ts';
import { toDialect } from '@agentgateway/llm/provider/quirks.ts';
import type { BackendEnvironment } from '../registry.ts';
import { HealthTable } from './health.ts';
import { type ProviderPrices, compileProviderPrices } from './prices.ts';
import { isCovered } from './resolve.ts';
import type { WhenGone } from './stream.ts';

/** Where a provider listens, split once. */
export interface ProviderAddress {
  readonly endpoint: EndpointAddress & { readonly tls?: { readonly serverName: string } };
  readonly authority: string;
  /** Put before the format's own path; no slash at the end. */
  readonly pathPrefix: string;
}

/** What the LLMBackend that owns a provider sets for it, whichever backend a request came to. */
export interface Owner {
  /** Key of the LLMBackend. */
  readonly key: string;
  readonly limits: EjectionLimits;
  readonly whenGone: WhenGone;
}

/** A provider of an LLMBackend as compiled. */
export interface Provider {
  readonly name: string;
  readonly owner: Owner;
  /** The health of its models. */
  readonly health: HealthTable;
  readonly driver: string;
  /** Whose opaque values it can verify: the quirk row, or the driver; its own address makes it a vendor of its own. */
  readonly vendor: string;
  /** The same in OTel's words, for `gen_ai.provider.name`. */
  readonly genAiName: string;
  readonly profile: ProviderProfile;
  /** Formats it is spoken to in, the preferred one first. */
  readonly formats: readonly FormatName[];
  readonly dialectal: Dialectal;
  /** Undefined for the embedded model, which is not reached over a network. */
  readonly address: ProviderAddress | undefined;
  readonly key: SecretValue | undefined;
  readonly prices: ProviderPrices;
  /** The limit for a model where the target demands one and the client gave none, and who says so. */
  maxTokens(model: string): { readonly tokens: number; readonly source: string };
}

/** Where OTel's registry (`gen_ai.provider.name`) writes a vendor otherwise than configuration does. */
const genAiNames = new Map([
  ['mistral', 'mistral_ai'],
  ['xai', 'x_ai'],
]);

/** Compiles a provider. Throws where its driver is unknown to this version or its address is no URL. */
export function compileProvider(owner: Owner, message: LLMProvider, environment: BackendEnvironment): Provider {
  const { name, driver, quirks, key } = message;
  if (!isProviderDriver(driver)) throw new Error(`provider ${name}: the driver ${driver} is not known to this version`);
  const profile = toProfile(driver, quirks);
  const vendor = quirks || (driver === 'openaiCompatible' ? name : driver);
  const baseUrl = message.baseUrl || profile.baseUrl;
  if (baseUrl === undefined && driver !== 'echo') throw new Error(`provider ${name} has no baseUrl`);
  return {
    name,
    owner,
    health: environment.state(`llm-health ${owner.key} ${name}`, () => new HealthTable()),
    driver,
    vendor,
    genAiName: genAiNames.get(vendor) ?? vendor,
    profile,
    formats: message.formats.length > 0 ? message.formats.map(toFormatName) : profile.formats,
    dialectal: toDialect(quirks),
    address: baseUrl === undefined ? undefined : toAddress(baseUrl),
    key: key && environment.secret({ secret: key.secret, entry: key.entry }),
    prices: compileProviderPrices(message),
    maxTokens: (model) => maxOutputTokens(model, configuredMaximum(message, model)),
  };
}

/** An exact name wins over a longer pattern over a shorter one; 0 where configuration says nothing. */
function configuredMaximum({ maxTokens, maxTokensDefault }: LLMProvider, model: string): number {
  const exact = maxTokens.find((row) => row.model === model);
  if (exact) return exact.maxTokens;
  const fitting = maxTokens.filter((row) => row.model.includes('*') && isCovered(row.model, model));
  return fitting.toSorted((a, b) => b.model.length - a.model.length)[0]?.maxTokens ?? maxTokensDefault;
}

function toFormatName(name: string): FormatName {
  if (!Object.hasOwn(formatTable, name)) throw new Error(`the format ${name} is not known to this version`);
  return name as FormatName;
}

/** Splits a base URL. Throws TypeError where it is none. */
export function toAddress(baseUrl: string): ProviderAddress {
  const { protocol, hostname, port, host, pathname } = new URL(baseUrl);
  const isTls = protocol === 'https:';
  const address = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return {
    endpoint: {
      address,
      port: port === '' ? (isTls ? 443 : 80) : Number(port),
      ...(isTls && { tls: { serverName: address } }),
    },
    authority: host,
    pathPrefix: pathname.endsWith('/') ? pathname.slice(0, -1) : pathname,
  };
}

/** The format to speak to a provider: the client's own where it can, else the first it has. */
export function toUpstreamFormat(provider: Provider, client: FormatName): FormatName {
  const { formats } = provider;
  return formats.includes(client) ? client : formats[0]!;
}
