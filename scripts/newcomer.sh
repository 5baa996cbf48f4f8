#!/usr/bin/env bash
# The first ten minutes of a newcomer, in the checkout that this stands in: prints what they would see, and ends with 1 when something does not work
# or a line is a stack, a warning or an unfinished sentence.
#   scripts/newcomer.sh [port]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
port=${1:-4000}
base=http://127.0.0.1:$port
folder=$(mktemp -d)
transcript=$folder/transcript
# As at a terminal.
export LITEGEN__OBSERVABILITY__JSON_LOGS=false LITEGEN__SERVER__PORT=$port LITEGEN__SERVER__DRAIN_DELAY_SECONDS=0
export LITEGEN__DATABASE_URL=sqlite://$folder/litegen.db LITEGEN__STORAGE__PATH=$folder/blobs
unset CI NODE_OPTIONS
gateway=

finish() {
  [[ -z $gateway ]] || kill "$gateway" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

say() { printf '%s\n' "$*" | tee -a "$transcript"; }
fail() { say "FAILED: $*"; exit 1; }
expect() { grep -qE -- "$1" <<<"$2" || fail "expected $1"; }

# Shows a command as it would be typed, runs it and shows what it wrote. The command may fail.
show() {
  say "\$ $1"
  output=$(bash -c "$1" 2>&1) || true
  say "$output"
}

start() {
  say "\$ $1"
  : >"$folder/log"
  bash -c "exec $1" >"$folder/log" 2>&1 &
  gateway=$!
  for _ in $(seq 600); do
    if grep -q 'is ready at' "$folder/log"; then sleep 1; output=$(cat "$folder/log"); say "$output"; return; fi
    kill -0 "$gateway" 2>/dev/null || break
    sleep 0.5
  done
  say "$(cat "$folder/log")"
  fail 'the gateway is not ready'
}

stop() {
  say '^C'
  kill -INT "$(ss -Hltnp "sport = :$port" | grep -oE 'pid=[0-9]+' | head -n 1 | cut -d= -f2)"
  wait "$gateway" || true
  gateway=
}

start 'npm start'
expect 'Draw a picture' "$output"
expect 'fal \(set FAL_KEY\)' "$output"

show "curl -s $base/v1/images/generations -H 'Content-Type: application/json' -d '{\"model\": \"mock/paint\", \"prompt\": \"a red fox under a teal sky\", \"response_format\": \"url\"}'"
expect '"url":"http' "$output"
show "curl -s -o $folder/fox.png \"$(grep -oE '"url":"[^"]*' <<<"$output" | head -n 1 | cut -d'"' -f4)\" && head -c 8 $folder/fox.png | od -An -tx1"
expect '89 50 4e 47' "$output"

show "curl -s $base/v1/videos -H 'Content-Type: application/json' -H 'Prefer: wait=30' -d '{\"model\": \"mock/clip\", \"prompt\": \"a red fox runs\", \"seconds\": \"2\"}'"
expect '"status":"completed"' "$output"
show "curl -s -o $folder/clip.mp4 $base/v1/videos/$(grep -oE '"id":"[^"]*' <<<"$output" | head -n 1 | cut -d'"' -f4)/content && head -c 12 $folder/clip.mp4 | tail -c 8"
expect 'ftyp' "$output"

show "curl -s $base/v1/images/generations -H 'Content-Type: application/json' -d '{\"model\": \"mock/pant\", \"prompt\": \"a red fox\"}'"
expect '"code":"model_not_found"' "$output"
expect 'mock/paint' "$output"
show "curl -s $base/v1/images/generations -H 'Content-Type: application/json' -d '{\"model\": \"fal/flux-2-pro\", \"prompt\": \"a red fox\"}'"
expect 'set FAL_KEY' "$output"

show 'npm start'
expect "server\.port: $port of 127\.0\.0\.1 is taken" "$output"
stop

start 'env LITEGEN_MASTER_KEY=my-own-long-master-key FAL_KEY=not-a-real-key npm start'
expect 'Providers +fal, mock' "$output"
show "curl -s $base/v1/models -H 'Authorization: Bearer wrong'"
expect '"status":401' "$output"
show "curl -s $base/v1/providers -H 'Authorization: Bearer my-own-long-master-key' | grep -oE '\"name\":\"(fal|mock|openai)\"'"
expect '"name":"fal"' "$output"
stop

show 'env FAL_KEY=not-a-real-key npm run doctor'
expect 'ok +provider +fal .*can be called' "$output"
expect 'skip +provider +openai .*set OPENAI_API_KEY' "$output"

if grep -nE '^ +at .*:[0-9]+|node:internal|npm (warn|error)|Warning|undefined|\[object|(\.\.\.|…|[,;:]) *$' "$transcript" | grep -vE '(Draw a picture; the answer has a link to it|LiteGen did not start):$'; then
  fail 'the lines above are stacks, warnings or unfinished sentences'
fi
say 'Everything worked.'
