// What gRPC and WebSocket rows are proxied to: both send back what they are sent. `echo-upstream.ts GRPC-PORT WEBSOCKET-PORT`.
import { type ServerHttp2Stream, createServer } from 'node:http2';
import { WebSocketServer } from 'ws';

const [grpcPort, websocketPort] = process.argv.slice(2).map(Number);
const head = { ':status': 200, 'content-type': 'application/grpc' };

createServer({ settings: { maxConcurrentStreams: 1000 } })
  .on('stream', (stream: ServerHttp2Stream) => {
    const message: Buffer[] = [];
    stream.on('error', () => stream.destroy());
    stream.on('data', (data: Buffer) => message.push(data));
    stream.on('end', () => {
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat(message));
    });
  })
  .listen(grpcPort, '127.0.0.1');

new WebSocketServer({ port: websocketPort!, host: '127.0.0.1', perMessageDeflate: false }).on(
  'connection',
  (client) => {
    client.on('error', () => client.terminate());
    client.on('message', (data: Buffer) => client.send(data));
  },
);
process.once('SIGTERM', () => process.exit(0));
