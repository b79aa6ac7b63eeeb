#!/usr/bin/env bash
# invoke.sh EVENT: replays a sample event (events/EVENT.json, or a file) on the local region. `cargo lambda` emulates
# Lambda's runtime API and invokes the function that `make build` has built.
#
# The region must run (make region), and its export lines must be in the environment.
# INSTANCE, GROUP   replace the instance and the group in the sample event
# invoke.sh --check EVENT only reports what is missing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
built=${CARGO_TARGET_DIR:-$root/target}/debug

fail() {
  printf 'invoke: %s\n' "$*" >&2
  exit 1
}

function_for() {
  case $(<"$1") in
    *'EC2 Instance-terminate Lifecycle Action'*) echo instance-terminate ;;
    *'EC2 Instance-launch Lifecycle Action'* | *autoscaling:TEST_NOTIFICATION*) echo instance-launch ;;
    *) echo reconcile ;;
  esac
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_for_port() {
  local attempt
  for ((attempt = 0; attempt < 200; attempt++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    kill -0 "$emulator" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/emulator" >&2
  fail "cargo lambda watch does not answer on port $1"
}

known() { cd "$root/events" && echo *.json | sed 's/\.json//g'; }

check_only=
if [[ ${1:-} == --check ]]; then check_only=yes && shift; fi
event=${1:-}
[[ -n $event ]] || fail "which event? make invoke EVENT=…, one of: $(known)"
[[ -f $event ]] || event=$root/events/${event%.json}.json
[[ -f $event ]] || fail "there is no event ${1}; there are: $(known)"
[[ -n ${AWS_ENDPOINT_URL:-} ]] || fail "AWS_ENDPOINT_URL is not set: start the region (make region) and paste the export lines that it prints"
curl --silent --noproxy '*' --output /dev/null "$AWS_ENDPOINT_URL/_region/state" ||
  fail "no region answers at $AWS_ENDPOINT_URL: start it (make region) and paste the export lines that it prints"
[[ -z $check_only ]] || exit 0
cargo_lambda=$(tools=$root/tools && "$tools/provide.sh" cargo-lambda)
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT

sed -e "s/i-0[0-9a-f]\{16\}/${INSTANCE:-&}/g" \
  -e "s/\"AutoScalingGroupName\": \"demo\"/\"AutoScalingGroupName\": \"${GROUP:-demo}\"/" "$event" >"$work/event.json"
function=$(function_for "$work/event.json")
[[ -x $built/$function ]] || fail "$function is not built: make build"

port=$(free_port)
(cd "$root" && exec "$cargo_lambda" lambda watch --only-lambda-apis --ignore-changes \
  --invoke-address 127.0.0.1 --invoke-port "$port" >"$work/emulator" 2>&1) &
emulator=$!
pids+=("$emulator")
wait_for_port "$port"
env -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy \
  AWS_LAMBDA_RUNTIME_API="http://127.0.0.1:$port/.rt/$function" AWS_LAMBDA_FUNCTION_NAME="$function" \
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128 AWS_LAMBDA_FUNCTION_VERSION=1 \
  ETCD_ASG_BUCKET="${ETCD_ASG_BUCKET:-etcd-asg-ledger}" ETCD_ASG_LEDGER_PREFIX="${ETCD_ASG_LEDGER_PREFIX:-ledgers}" \
  "$built/$function" >&2 &
pids+=($!)
printf '▸ %s → %s\n' "${event##*/}" "$function" >&2
timeout 90 "$cargo_lambda" lambda invoke "$function" --data-file "$work/event.json" --invoke-address 127.0.0.1 --invoke-port "$port"
