// The text of an explained connection.
import type { TunnelExplanation } from '@agentgateway/proxy/admin/explain-tunnel.ts';

/** Lines for people. */
export function toTunnelText(explanation: TunnelExplanation): string {
  const { question, bind, listener, mode, route, rule, shadowed, backends, timeouts, refusal } = explanation;
  const lines = [question.url, ''];
  const row = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') lines.push(`  ${name.padEnd(9)} ${value}`);
  };
  row('bind', bind);
  row('listener', listener && `${listener} (${mode})`);
  row('PROXY', explanation.proxyHeader && `a header is ${explanation.proxyHeader}`);
  row('route', route);
  row('rule', rule);
  for (const other of shadowed) row('', `${other} gets nothing here, because it is younger`);
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  for (const { key, port, weight, invalid, endpoints, proxyVersion } of backends) {
    const share = backends.length > 1 && total > 0 ? ` (${Math.round((100 * weight) / total)} %)` : '';
    const name = port === 0 ? key : `${key}:${port}`;
    row('backend', `${name}${share}${invalid === undefined ? '' : ` — invalid: ${invalid}`}`);
    if (proxyVersion !== undefined) row('', `is told of the client by the PROXY protocol, version ${proxyVersion}`);
    if (invalid === undefined) row('', `endpoints ${endpoints.join(', ') || 'none'}`);
  }
  if (timeouts)
    row(
      'timeouts',
      Object.entries(timeouts)
        .filter(([, value]) => value > 0)
        .map(([name, value]) => `${name.replace(/Ms$/, '')} ${value} ms`)
        .join(', '),
    );
  if (explanation.policies.length > 0)
    lines.push('', '  policies', ...explanation.policies.map((policy) => `    ${policy}`));
  lines.push('', refusal ? `  refused: ${refusal.reason}: ${refusal.message}` : '  would be served', '');
  return lines.join('\n');
}
