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

/** A name that can be asked for, and the configured name that it comes from. */
export interface ListedModel {
  /** Undefined where a wildcard covers nothing that the catalogue knows. */
  readonly id: string | undefined;
  readonly pattern: string;
}

/** Lists names, or tells of one. Throws `model-not-found` for one that is not served to this caller. */
export function answerModels(exchange: Exchange, listed: readonly ListedModel[], wanted: string | undefined): Reply {
  const isAnthropic = exchange.headers.has('anthropic-version');
  if (wanted !== undefined) {
    const isKnown = isAllowed(exchange, wanted) && listed.some(({ pattern }) => isCovered(pattern, wanted));
    if (!isKnown) throw new GatewayError('model-not-found', `there is no model ${wanted} here`);
    return toReply(isAnthropic ? anthropicModel(wanted) : openaiModel(wanted));
  }
  const ids = listed.map(({ id }) => id).filter((id) => id !== undefined && isAllowed(exchange, id)) as string[];
  if (!isAnthropic) return toReply({ object: 'list', data: ids.map(openaiModel) });
  const data = ids.map(anthropicModel);
  return toReply({ data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null });
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
