// The access log's line: one per request, keys of the documentation's table, nothing that does not apply, no prompts.
import type { Exchange } from '@agentgateway/core/exchange.ts';
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { LlmFacts } from '@agentgateway/core/llm-facts.ts';
import { cut, cutIfAny, nameMax, placeMax } from './bounded-text.ts';
import type { Outcome } from './outcome.ts';

/** Builds the line. Durations in milliseconds, costs in US dollars. */
export function toAccessLine(exchange: Exchange, outcome: Outcome): Record<string, unknown> {
  const { placement, head, llm, attempts, principal, trace } = exchange;
  const line: Record<string, unknown> = {
    gateway: placement.gateway,
    listener: placement.listener,
    route: placement.route,
  };
  if (placement.rule !== '') line['route_rule'] = placement.rule;
  const attempt = attempts.at(-1);
  if (attempt) {
    line['backend'] = attempt.backend;
    line['endpoint'] = attempt.endpoint;
  }
  line['src.addr'] = toHostPort(head.client);
  line['http.method'] = cut(head.method, nameMax);
  line['http.host'] = cut(head.authority, placeMax);
  line['http.path'] = cut(head.path, placeMax);
  line['http.version'] = head.httpVersion;
  line['http.status'] = outcome.status;
  line['protocol'] = toProtocol(exchange);
  line['duration'] = outcome.durationMs;
  line['bytes'] = outcome.bodyBytes;
  line['request.id'] = exchange.id;
  if (outcome.reason !== undefined) {
    line['reason'] = outcome.reason;
    line['error'] = outcome.message;
  }
  if (attempts.length > 1) line['retry.attempt'] = attempts.length - 1;
  if (principal) {
    line['agentgateway.user'] = principal.subject;
    if (principal.groups.length > 0) line['agentgateway.group'] = principal.groups;
    line['agentgateway.organization'] = principal.organization;
    line['agentgateway.team'] = principal.team;
    line['agw.api_key.name'] = principal.credential.id;
    for (const name in principal.metadata) line[`agentgateway.metadata.${name}`] = principal.metadata[name];
  }
  if (trace) {
    line['trace.id'] = trace.traceId;
    line['span.id'] = trace.spanId;
  }
  if (llm) addLlm(line, llm, outcome);
  return line;
}

function addLlm(line: Record<string, unknown>, llm: LlmFacts, { durationMs }: Outcome): void {
  line['gen_ai.operation.name'] = cut(llm.operation, nameMax);
  line['gen_ai.provider.name'] = llm.vendor;
  line['agw.ai.provider'] = llm.provider;
  line['gen_ai.request.model'] = cut(llm.requestModel, nameMax);
  if (llm.upstreamModel !== undefined && llm.upstreamModel !== llm.requestModel)
    line['agw.ai.upstream_model'] = cut(llm.upstreamModel, nameMax);
  line['gen_ai.response.model'] = cutIfAny(llm.responseModel, nameMax);
  for (const name in llm.params) line[`gen_ai.request.${name}`] = llm.params[name];
  if (llm.isStreaming) line['agw.ai.streaming'] = true;
  if (llm.finishReason !== undefined) line['gen_ai.response.finish_reason'] = cut(llm.finishReason, nameMax);
  const { usage } = llm;
  if (usage) {
    line['gen_ai.usage.input_tokens'] = usage.inputTotal;
    line['gen_ai.usage.output_tokens'] = usage.outputTotal;
    line['gen_ai.usage.reasoning_tokens'] = usage.outputReasoning;
    line['gen_ai.usage.cache_read.input_tokens'] = usage.inputCacheRead;
    const { inputCacheWrite5m, inputCacheWrite1h } = usage;
    if (inputCacheWrite5m !== undefined || inputCacheWrite1h !== undefined) {
      line['gen_ai.usage.cache_creation.input_tokens'] = (inputCacheWrite5m ?? 0) + (inputCacheWrite1h ?? 0);
    }
    line['gen_ai.usage.input_audio_tokens'] = usage.inputAudio;
    line['gen_ai.usage.output_audio_tokens'] = usage.outputAudio;
    if (usage.source === 'estimated') line['agw.ai.usage.estimated'] = true;
  }
  if (llm.costNano !== undefined) line['agw.ai.usage.cost.total'] = toUsd(llm.costNano);
  else if (llm.costUnknown !== undefined) line['agw.ai.usage.cost.unknown'] = llm.costUnknown;
  if (llm.firstTokenMs === undefined) return;
  line['agw.ai.time_to_first_token'] = Math.round(llm.firstTokenMs * 1000) / 1000;
  const rest = (usage?.outputTotal ?? 0) - 1;
  if (rest > 0)
    line['agw.ai.time_per_output_token'] = Math.round(((durationMs - llm.firstTokenMs) / rest) * 1000) / 1000;
}

/** What was spoken, for logs and labels. */
export function toProtocol({ llm, dialect }: Pick<Exchange, 'llm' | 'dialect'>): 'llm' | 'grpc' | 'http' {
  if (llm) return 'llm';
  return dialect === 'grpc' ? 'grpc' : 'http';
}

/** Nano-dollars as dollars, for people: what must add up stays in nano-dollars. */
export function toUsd(nano: bigint): number {
  return Number(nano) / 1e9;
}
