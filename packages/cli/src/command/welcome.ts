// What `agentgateway run` says to a person once it is ready.
import { listServed } from '@agentgateway/proxy/admin/served.ts';
import type { Gateway } from '@agentgateway/proxy/gateway.ts';
import type { Settings } from '@agentgateway/proxy/settings.ts';
import { version } from '@agentgateway/proxy/version.ts';

/** Names shown of a longer list. */
const namesMax = 12;

/** What a person wants to know first: what is served, where to look, and three commands to try. */
export function toWelcome(gateway: Gateway, settings: Pick<Settings, 'config'>): string {
  const addresses = gateway.addresses();
  const [first = '127.0.0.1:3000'] = addresses;
  const base = `http://${first.replace(/^(?:0\.0\.0\.0|\[::\])/, '127.0.0.1')}`;
  const { models, providers, wantsKey } = listServed(gateway);
  const model = models.find((name) => !name.includes('*')) ?? 'MODEL';
  const key = wantsKey ? " -H 'authorization: Bearer YOUR-KEY'" : '';
  const url = (what: string, path = ''): string => {
    const port = gateway.ports.get(what);
    return port
      ? `http://${port.address.includes(':') ? `[${port.address}]` : port.address}:${port.port}${path}`
      : 'off';
  };
  const reached =
    providers.length === 0 ? '' : `\n                   any model of ${list(providers)}, as ${providers[0]}/MODEL`;
  return `
  agentgateway ${version} listens on ${addresses.join(', ') || 'no address'}

    configuration  ${settings.config ?? 'embedded (none given; `make run CONFIG=config.yaml` runs yours)'}
    models         ${list(models) || 'none'}${reached}
    admin          ${url('admin')}
    metrics        ${url('metrics', '/metrics')}

  Try:

    curl ${base}/v1/models${key}

    curl ${base}/v1/chat/completions${key} -H 'content-type: application/json' \\
      -d '{"model":"${model}","messages":[{"role":"user","content":"Hello"}]}'

    curl -N ${base}/v1/messages${key} -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \\
      -d '{"model":"${model}","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"Hello"}]}'

`;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, namesMax).join(', ');
  return names.length > namesMax ? `${shown} and ${names.length - namesMax} more` : shown;
}
