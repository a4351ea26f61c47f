#!/usr/bin/env bash
# Builds dist/, runs it, asks the echo model buffered and streamed, sees its traces arrive, and ends it gracefully.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
pid= collector=
trap '[ -z "$pid$collector" ] || kill -9 $pid $collector 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  echo "build smoke: $*" >&2
  tail -20 "$work/output" >&2 2>/dev/null || true
  exit 1
}

scripts/with-tools scripts/install
scripts/with-tools pnpm build
[ -s dist/sources-worker.js ] || fail "the worker is not beside main.js"

port=$(scripts/with-tools node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
cat >"$work/config.yaml" <<YAML
gateways:
- { name: smoke, listeners: [{ name: http, port: $port }] }
llmBackends:
- { name: models, providers: [{ name: echo, echo: {} }], models: [{ name: echo, targets: [{ provider: echo }] }] }
YAML

# A copy elsewhere proves that the bundle needs nothing of the repository.
cp -r dist "$work/dist"
node=$(scripts/with-tools sh -c 'command -v node')

# A bundle that is put together wrongly exports no traces and says nothing: so a collector notes what it is sent.
"$node" -e '
  const { appendFileSync } = require("fs");
  const server = require("http2").createServer();
  server.on("stream", (stream, headers) => {
    appendFileSync("'"$work"'/traces", headers[":path"] + "\n");
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.resume().on("end", () => stream.end(Buffer.alloc(5)));
  });
  server.listen(0, "127.0.0.1", () => appendFileSync("'"$work"'/collector", String(server.address().port)));' &
collector=$!
disown "$collector"
for _ in $(seq 50); do [ -s "$work/collector" ] && break; sleep 0.1; done
export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(cat "$work/collector")" OTEL_BSP_SCHEDULE_DELAY=100

(cd "$work" && exec "$node" dist/main.js run -f config.yaml --admin-port 0 --metrics-port 0 --readiness-port 0 --log-format json) >"$work/output" 2>&1 &
pid=$!

base=http://127.0.0.1:$port
for _ in $(seq 150); do
  curl -fsS "$base/v1/models" >"$work/models" 2>/dev/null && break
  kill -0 "$pid" 2>/dev/null || fail "it ended at the start"
  sleep 0.2
done
grep -q '"echo"' "$work/models" || fail "GET /v1/models does not list echo"

question='"model":"echo","messages":[{"role":"user","content":"Hello smoke"}]'
curl -fsS "$base/v1/chat/completions" -H 'content-type: application/json' -d "{$question}" >"$work/buffered" || fail "no answer"
grep -q 'Hello smoke' "$work/buffered" || fail "the buffered answer is $(cat "$work/buffered")"
curl -fsSN "$base/v1/chat/completions" -H 'content-type: application/json' -d "{$question,\"stream\":true}" >"$work/streamed" || fail "no stream"
grep -q '^data: \[DONE\]' "$work/streamed" || fail "the stream does not end with [DONE]: $(cat "$work/streamed")"

for _ in $(seq 100); do grep -qs TraceService/Export "$work/traces" && break; sleep 0.1; done
grep -qs TraceService/Export "$work/traces" || fail "no traces arrived"

kill -TERM "$pid"
status=0
wait "$pid" || status=$?
pid=
[ "$status" -eq 0 ] || fail "SIGTERM ended it with $status"
echo "build smoke: buffered, streamed, traced, drained"
