// Origins of web pages as policies name them: exact, by wildcard, or every one (RFC 6454 §6.2).

/** Scheme; host: exact, `*`, or `*.` and a suffix; port: none, a number, or `*`. */
export const originPattern =
  /^([a-z][a-z0-9+.-]*):\/\/(\*|(?:\*\.)?[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(\*|[0-9]{1,5}))?$/i;

/** Exact; `*`; or one wildcard label after the scheme, which is greedy; a port of `*` matches any, and none. */
export function toOriginTest(origin: string): (candidate: string) => boolean {
  const lower = origin.toLowerCase();
  if (lower === '*') return () => true;
  const [, scheme, host = '', port] = originPattern.exec(lower) ?? [];
  if (!lower.includes('*')) return (candidate) => candidate.toLowerCase() === lower;
  return (candidate) => {
    const [, candidateScheme, candidateHost = '', candidatePort] = originPattern.exec(candidate.toLowerCase()) ?? [];
    if (candidateScheme !== scheme || candidateHost === '') return false;
    if (port !== '*' && candidatePort !== port) return false;
    if (host === '*') return true;
    return host.startsWith('*.') ? candidateHost.endsWith(host.slice(1)) : candidateHost === host;
  };
}
