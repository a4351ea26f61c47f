// `GET /v1/models`: the names this caller may use, in the shape its SDK expects.
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { isCovered } from './resolve.ts';

/** Whether the caller's key may use a model. */
export function isAllowed(exchange: Exchange, model: string): boolean {
  const allowed = exchange.principal?.allowedModels;
  return !allowed || allowed.length === 0 || allowed.some((pattern) => isCovered(pattern, model));
}

/** Lists names, or tells of one. A wildcard is listed as it is configured. */
export function answerModels(exchange: Exchange, names: readonly string[], wanted: string | undefined): Reply {
  const isAnthropic = exchange.headers.has('anthropic-version');
  const allowed = names.filter((name) => isAllowed(exchange, name));
  if (wanted !== undefined) {
    const isKnown = isAllowed(exchange, wanted) && names.some((name) => isCovered(name, wanted));
    if (!isKnown) throw new GatewayError('model-not-found', `there is no model ${wanted} here`);
    return toReply(isAnthropic ? anthropicModel(wanted) : openaiModel(wanted));
  }
  if (!isAnthropic) return toReply({ object: 'list', data: allowed.map(openaiModel) });
  const data = allowed.map(anthropicModel);
  return toReply({ data, has_more: false, first_id: allowed[0] ?? null, last_id: allowed.at(-1) ?? null });
}

function openaiModel(id: string): object {
  return { id, object: 'model', created: 0, owned_by: 'agentgateway' };
}

function anthropicModel(id: string): object {
  return { type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' };
}

function toReply(body: object): Reply {
  const headers = HeaderList.from([['content-type', 'application/json']]);
  return { status: 200, headers, body: Body.of(JSON.stringify(body)), origin: 'gateway' };
}
