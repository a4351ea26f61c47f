#!/usr/bin/env bash
# `make run` with an old Node on the PATH: it starts, says that it is ready, answers, and stops.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
make_pid=
leaf() { # leaf PID: the innermost descendant, which is the gateway
  local child
  child=$(cut -d' ' -f1 "/proc/$1/task/$1/children" 2>/dev/null || true)
  if [ -n "$child" ]; then leaf "$child"; else echo "$1"; fi
}
trap '[ -z "$make_pid" ] || kill -9 "$(leaf "$make_pid")" 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  echo "make run smoke: $*" >&2
  tail -20 "$work/output" >&2 2>/dev/null || true
  exit 1
}

# The machine's own Node where it is too old; otherwise one that fails like it. The tools are there since `make check`.
if command -v node >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) >= 24 ? 0 : 1)'; then
  mkdir "$work/bin"
  printf '#!/bin/sh\necho "an old node" >&2\nexit 1\n' >"$work/bin/node"
  chmod +x "$work/bin/node"
  PATH=$work/bin:$PATH
fi

# Without a configuration it wants port 3000; a machine where that is taken gets a file.
port=3000 config=
if curl -s -o "$work/other" --max-time 2 http://127.0.0.1:3000/ || [ $? -ne 7 ]; then
  port=$(scripts/with-tools node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
  config=$work/config.yaml
  echo "gateways: [{ name: smoke, listeners: [{ name: http, port: $port }] }]" >"$config"
  echo "make run smoke: port 3000 is taken, using $port"
fi

env -u OPENAI_API_KEY -u ANTHROPIC_API_KEY make run ${config:+CONFIG="$config"} ARGS="--admin-port 0 --metrics-port 0 --readiness-port 0" >"$work/output" 2>&1 &
make_pid=$!
for _ in $(seq 600); do
  grep -q "ready on" "$work/output" && break
  kill -0 "$make_pid" 2>/dev/null || fail "it ended at the start"
  sleep 0.2
done
grep -q "ready on .*:$port" "$work/output" || fail "no ready line for port $port within two minutes"
curl -fsS "http://127.0.0.1:$port/v1/chat/completions" -H 'content-type: application/json' \
  -d '{"model":"echo","messages":[{"role":"user","content":"Hello make"}]}' >"$work/answer" || fail "no answer"
grep -q 'Hello make' "$work/answer" || fail "the answer is $(cat "$work/answer")"

kill -TERM "$(leaf "$make_pid")"
status=0
wait "$make_pid" || status=$?
make_pid=
[ "$status" -eq 0 ] || fail "it ended with $status"
echo "make run smoke: started, answered, stopped"
