// An upstream that streams a chat completion in 50 chunks, each its own write and marked with the time of its writing.
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';

/** Chunks of text in an answer. */
const chunks = 50;
/** Pause between the chunks of a paced answer. */
const paceMs = 2;

function chunk(content: string): string {
  return `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"upstream-stream","choices":[{"index":0,"delta":{"role":"assistant","content":"${content}"},"finish_reason":null}]}\n\n`;
}
const last =
  'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"upstream-stream","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const usage =
  'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"upstream-stream","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":50,"total_tokens":62}}\n\n';

function answer(request: string, response: ServerResponse): void {
  const isPaced = request.includes('paced');
  const again = isPaced ? (next: () => void) => setTimeout(next, paceMs) : setImmediate;
  let sent = 0;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const write = (): void => {
    if (response.destroyed) return;
    if (sent < chunks) {
      response.write(chunk(`word ${isPaced ? `@${process.hrtime.bigint()}@` : sent}`));
      sent++;
      again(write);
      return;
    }
    response.end(`${last}${request.includes('include_usage') ? usage : ''}data: [DONE]\n\n`);
  };
  write();
}

const server = createServer((request: IncomingMessage, response) => {
  let body = '';
  request.on('data', (data: Buffer) => (body += data.toString()));
  request.on('end', () => (request.method === 'POST' ? answer(body, response) : response.end('{}')));
});
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
