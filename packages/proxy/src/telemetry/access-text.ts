// An access line for people: one line of a terminal, the same facts in the order in which one asks for them.

/**
 * `POST /v1/chat/completions 200 12.3 ms smart → claude/claude-opus-5 12 + 34 tokens $0.0003 (ada)`, and of what is not read
 * `tls 192.0.2.7:51000 db.example.com 1200 ms → 10.0.0.1:5432 1200 + 34000 bytes`, received and sent.
 */
export function toAccessText(line: Readonly<Record<string, unknown>>): string {
  const text = (key: string): string => {
    const value = line[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const asked =
    text('http.method') === ''
      ? [text('protocol'), text('src.addr'), text('tls.sni')].filter(Boolean)
      : [text('http.method'), text('http.path'), text('http.status')];
  const words = [...asked, `${toShort(line['duration'])} ms`];
  const model = text('gen_ai.request.model');
  if (model !== '') {
    const served = [text('agw.ai.provider'), text('agw.ai.upstream_model')].filter(Boolean).join('/');
    words.push(served === '' ? model : `${model} → ${served}`);
    const input = text('gen_ai.usage.input_tokens');
    const output = text('gen_ai.usage.output_tokens');
    if (input !== '' || output !== '') words.push(`${input || '?'} + ${output || '?'} tokens`);
    const cost = line['agw.ai.usage.cost.total'];
    if (typeof cost === 'number') words.push(`$${Number(cost.toPrecision(costDigits))}`);
    if (line['agw.ai.time_to_first_token'] !== undefined)
      words.push(`first token ${toShort(line['agw.ai.time_to_first_token'])} ms`);
  } else if (text('endpoint') !== '') words.push(`→ ${text('endpoint')}`);
  if (line['bytes.sent'] !== undefined) words.push(`${text('bytes.received')} + ${text('bytes.sent')} bytes`);
  if (line['retry.attempt'] !== undefined) words.push(`retries ${text('retry.attempt')}`);
  if (text('agentgateway.user') !== '') words.push(`(${text('agentgateway.user')})`);
  if (text('reason') !== '') words.push(`${text('reason')}: ${text('error')} [${text('request.id')}]`);
  for (const key of ['gen_ai.prompt', 'gen_ai.completion']) if (text(key) !== '') words.push(`${key}=${text(key)}`);
  return words.join(' ').replace(unprintable, escape);
}

const costDigits = 3;

/** What would move a terminal's cursor, colour it or turn its text around: clients and providers choose some of these words. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function escape(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

function toShort(milliseconds: unknown): string {
  if (typeof milliseconds !== 'number') return '?';
  return milliseconds < 100 ? milliseconds.toFixed(1) : milliseconds.toFixed(0);
}
