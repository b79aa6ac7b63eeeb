# shellcheck shell=bash
# Sentences for the operator, and the ways to end.

say() {
  printf 'etcd-asg: %s\n' "$*" >&2
  # /dev/console belongs to this machine only where systemd booted it (sd_booted(3)); in a container it does not.
  if [[ -d /run/systemd/system && -w /dev/console ]]; then
    printf 'etcd-asg: %s\n' "$*" >/dev/console
  fi
}

say_once() {
  [[ ${said:-} == "$*" ]] || say "$*"
  said=$*
}

again() {
  say "$*"
  exit "$AGAIN"
}

refuse() {
  local status=$1
  shift
  say "refusing to start etcd: $*"
  if [[ $command == prepare ]]; then
    printf '%s\n' "$status" >"$run_dir/refused"
    exit 0
  fi
  exit "$status"
}

pause() { sleep "$poll"; }
