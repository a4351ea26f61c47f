// The names an expression starts from, and what each of them holds; the reference pages are made from this table.

/** One root of the context. */
export interface Root {
  /** What the root is, for the reference pages. */
  readonly doc: string;
  /** Its members and what they are. Where there are none, the names come from the data, as claims do. */
  readonly members: Readonly<Record<string, string>>;
  /** Whether only the members listed exist, so that another name is a mistake. */
  readonly isClosed: boolean;
}

function closed(doc: string, members: Readonly<Record<string, string>>): Root {
  return { doc, members, isClosed: true };
}

function open(doc: string, members: Readonly<Record<string, string>> = {}): Root {
  return { doc, members, isClosed: false };
}

const named = '{target, name}';

/** Every root, in the order of the reference pages. A root that has nothing to say in a request is an empty map. */
export const roots = {
  request: closed('The request as the client sent it, after the edits of earlier policies.', {
    method: 'The HTTP method, as in `GET`.',
    uri: 'The whole URI, as in `https://example.com/path?a=1`.',
    host: 'The authority without a port, in lower case.',
    scheme: '`http` or `https`.',
    path: 'The path without the query.',
    pathAndQuery: 'The path with the query.',
    version: 'The HTTP version, as in `HTTP/1.1`.',
    headers: 'The headers by name, in any case; see `cookie()`.',
    body: 'The whole body: parsed where it is JSON, else text. Reading it makes the gateway hold the body.',
    bodyPrefix: 'The first part of the body as bytes, as far as the limit allows.',
    startTime: 'When the request began, a timestamp.',
    endTime: 'When the answer ended, a timestamp; in logs only.',
  }),
  response: closed('The answer; in response policies and logs.', {
    code: 'The HTTP status.',
    grpcStatus: 'The gRPC status, where there is one.',
    headers: 'The headers by name, in any case.',
    body: 'The whole body: parsed where it is JSON, else text.',
    bodyPrefix: 'The first part of the body as bytes.',
  }),
  principal: closed('Who makes the request, as authentication established it; attribution uses this alone.', {
    subject: 'Who it is.',
    groups: 'The groups they belong to, a list.',
    organization: 'Their organization.',
    team: 'Their team.',
    metadata: 'What the key or the claims say beside that, by name.',
    credential: 'How they proved it: {kind, id}.',
  }),
  jwt: open('The claims of the validated token, by name, as in `jwt.sub`.', {
    rawToken: 'The token itself, redacted.',
  }),
  apiKey: open('The metadata of the API key, by name, as in `apiKey.project`.', {
    name: 'The public name of the key; the key itself is never kept.',
    metadata: 'The metadata as one map.',
  }),
  basicAuth: closed('The user of basic authentication.', { username: 'The name.' }),
  source: closed('The client end of the connection.', {
    address: 'The IP address, after trusted hops.',
    port: 'The port.',
    rawAddress: 'The address of the connection itself.',
    rawPort: 'The port of the connection itself.',
    identity: 'The identity of a client certificate: {trustDomain, namespace, serviceAccount}.',
    spiffeId: 'The SPIFFE id of the client certificate.',
    subjectAltNames: 'The names of the client certificate, a list.',
    issuer: 'The issuer of the client certificate.',
    subject: 'The subject of the client certificate.',
    subjectCn: 'The common name of the client certificate.',
    certificate: 'The client certificate as PEM.',
    unverifiedWorkload: 'The workload that the address belongs to: {name, namespace, serviceAccount}.',
    connectHeaders: 'The headers of the CONNECT request that opened the tunnel.',
  }),
  destination: closed('The gateway end of the connection.', {
    address: 'The IP address.',
    port: 'The port.',
    hostname: 'The name that the client asked for.',
  }),
  proxy: closed('What the gateway did with the request.', {
    bind: 'The address and port it came in on.',
    gateway: 'The gateway: {namespace, name}.',
    listener: 'The listener: {name}.',
    route: 'The route: {namespace, name, kind, rule}.',
    requestProcessingDuration: 'Time spent on the request, a duration.',
    upstreamDuration: 'Time spent waiting for the upstream, a duration.',
    responseProcessingDuration: 'Time spent on the answer, a duration.',
  }),
  env: closed('Where the gateway runs.', {
    podName: 'The name of the pod.',
    namespace: 'The namespace of the pod.',
    gateway: 'The name of the Gateway.',
  }),
  llm: closed('The LLM call, as far as it is known.', {
    streaming: 'Whether the client asked for a stream.',
    requestModel: 'The model the client asked for.',
    responseModel: 'The model the provider says it used.',
    provider: 'The name of the provider.',
    prompt: 'The messages, a list of {role, content}.',
    completion: 'The texts of the answer, a list.',
    toolCalls: 'The tool calls of the answer, a list of {id, name, arguments}.',
    params:
      'The parameters of the request: {temperature, top_p, frequency_penalty, presence_penalty, seed, max_tokens, …}.',
    serviceTier: 'The service tier that the provider names.',
    inputTokens: 'Tokens of the prompt, with the same meaning for all providers.',
    outputTokens: 'Tokens of the answer.',
    totalTokens: 'Both together.',
    providerInputTokens: 'Tokens of the prompt as the provider counts them.',
    providerTotalTokens: 'Both together as the provider counts them.',
    cachedInputTokens: 'Tokens read from the provider’s cache.',
    cacheCreationInputTokens: 'Tokens written to the provider’s cache.',
    reasoningTokens: 'Tokens spent on reasoning.',
    inputTextTokens: 'Text tokens of the prompt.',
    inputImageTokens: 'Image tokens of the prompt.',
    inputAudioTokens: 'Audio tokens of the prompt.',
    outputTextTokens: 'Text tokens of the answer.',
    outputImageTokens: 'Image tokens of the answer.',
    outputAudioTokens: 'Audio tokens of the answer.',
    countTokens: 'The answer of a token-counting request.',
    timeToFirstToken: 'A duration.',
    timePerOutputToken: 'A duration.',
    cost: 'What it cost in US dollars: {total, input, output, cacheRead, cacheWrite, reasoning, inputAudio, outputAudio}.',
    costRates: 'The prices used: {input, output, cacheRead, cacheWrite, reasoning, inputAudio, outputAudio}.',
  }),
  llmRequest: open('The body of the LLM request as it was sent; only where LLM policies run.'),
  mcp: closed('The MCP call.', {
    methodName: 'The JSON-RPC method, as in `tools/call`.',
    sessionId: 'The session.',
    tool: 'The tool: {target, name, arguments, result, error}.',
    prompt: `The prompt: ${named}.`,
    resource: `The resource: ${named}.`,
    task: `The task: ${named}.`,
    tainted: 'Whether untrusted content has entered the session.',
  }),
  backend: closed('The backend that was chosen.', {
    name: 'Its name.',
    type: 'One of ai, mcp, static, dynamic, service, unknown.',
    protocol: 'One of http, tcp, a2a, mcp, llm.',
  }),
  extauthz: open('Values that external authorization returned.'),
  extproc: open('Values that external processing returned.'),
  mcpGuardrails: open('Values that MCP guardrails returned.'),
  metadata: open('Values that transformations set for later policies.'),
} as const satisfies Record<string, Root>;

/** The name of a root. */
export type RootName = keyof typeof roots;

/** Every root's name. */
export const rootNames = Object.keys(roots) as readonly RootName[];

/** Whether a name is a root's. */
export function isRootName(name: string): name is RootName {
  return Object.hasOwn(roots, name);
}

const closedMembers: ReadonlyMap<RootName, ReadonlySet<string>> = new Map(
  rootNames.filter((name) => roots[name].isClosed).map((name) => [name, new Set(Object.keys(roots[name].members))]),
);

/** The only members that a root can have; undefined where its names come from the data. */
export function membersOf(name: RootName): ReadonlySet<string> | undefined {
  return closedMembers.get(name);
}
