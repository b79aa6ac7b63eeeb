# shellcheck shell=bash
# Sentences for the operator, and the ways to end.

say() {
  local line="${me:-etcd-asg}: $*"
  printf '%s\n' "$line" >&2
  # /dev/console belongs to this machine only where systemd booted it (sd_booted(3)); in a container it does not.
  if [[ -d /run/systemd/system && -w /dev/console ]]; then
    printf '%s\n' "$line" >/dev/console
  fi
}

say_once() {
  [[ ${said:-} == "$*" ]] || say "$*"
  said=$*
}

again() {
  say "$*"
  report "$*" "$AGAIN"
  exit "$AGAIN"
}

refuse() {
  local status=$1
  shift
  say "refusing to start etcd: $*"
  report "$*" "$status"
  if [[ $command == prepare ]]; then
    mkdir -p "$run_dir" && printf '%s\n' "$status" >"$run_dir/refused"
    exit 0
  fi
  exit "$status"
}

# The end of each look that found nothing to do yet. Who waits for long says so in its report.
pause() {
  local every=${report_every:-60}
  ((SECONDS < ${report_at:=$((SECONDS + every))})) || { report_at=$((SECONDS + every)); hurry=4 report "${said:-waiting}"; }
  sleep "$poll"
}
