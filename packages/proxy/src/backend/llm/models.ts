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

/** Tells of one model. Throws `model-not-found` for one that is not served to this caller. */
export function answerModel(exchange: Exchange, wanted: string, isServed: (name: string) => boolean): Reply {
  if (!isAllowed(exchange, wanted) || !isServed(wanted))
    throw new GatewayError('model-not-found', `there is no model ${wanted} here`);
  return toReply(isAnthropic(exchange) ? anthropicModel(wanted) : openaiModel(wanted));
}

/** Lists the names that this caller may use. */
export function answerModels(exchange: Exchange, names: readonly string[]): Reply {
  const ids = names.filter((name) => isAllowed(exchange, name));
  if (!isAnthropic(exchange)) return toReply({ object: 'list', data: ids.map(openaiModel) });
  const data = ids.map(anthropicModel);
  return toReply({ data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null });
}

function isAnthropic({ headers }: Exchange): boolean {
  return headers.has('anthropic-version');
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
