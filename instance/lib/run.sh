# shellcheck shell=bash
# ExecStart: runs etcd with the approved environment, and decides what the end of etcd means.

run() {
  [[ -d $run_dir ]] || again "prepare has not run: start the unit, not this command"
  printf '%s\n' $$ >"$run_dir/pid"
  [[ -s $run_dir/environment ]] || again "prepare has not approved any environment: starting again"
  read_settings "$run_dir/environment" env 'ETCD_[A-Z0-9_]+' || refuse "$NOT_UNDERSTOOD" "in $run_dir/environment, $problem"

  local etcd='' reader stopping='' result
  trap 'stopping=yes; [[ -z $etcd ]] || kill -TERM "$etcd" 2>/dev/null' TERM INT
  # tee and tail end only with their input: without a reader, SIGPIPE would kill etcd while it moves its leadership.
  exec 3> >(trap '' TERM INT; exec 3>&- 4>&1; { tee -p /dev/fd/5 5>&1 >&4; } | tail -n 300 >"$run_dir/etcd-log")
  reader=$!
  start_etcd >&3 2>&1 3>&- &
  etcd=$!
  exec 3>&-
  [[ -z $stopping ]] || kill -TERM "$etcd"
  # A trapped signal interrupts `wait`: repeat it until etcd itself has ended.
  until wait "$etcd"; result=$?; [[ ! -d /proc/$etcd ]]; do :; done
  trap '' TERM INT
  wait "$reader"
  [[ -z $stopping ]] || exit "$result"
  explain_end "$result"
}

start_etcd() {
  local name
  enter_etcd_environment
  for name in "${!env[@]}"; do
    [[ $name != ETCD_ASG_* ]] || continue
    [[ ${tuning[$name]:-${env[$name]}} == "${env[$name]}" ]] ||
      say "the configuration sets $name=${tuning[$name]}, and the cluster's parameter sets ${env[$name]}: the parameter's value is used"
    export "$name=${env[$name]}"
  done
  export ETCD_DATA_DIR=$member_data
  if [[ -n $user ]]; then
    exec setpriv --reuid "$user" --regid "$user" --init-groups etcd
  fi
  exec etcd
}

explain_end() {
  local log=$run_dir/etcd-log last seen=''
  last=$(last_error "$log")
  [[ -z $last ]] || printf 'etcd=%s\n' "$last" >"$run_dir.etcd"
  # The log alone cannot tell: settings of etcd may keep the line from it, and the words may stand in a key.
  ! grep -q 'the member has been permanently removed from the cluster' "$log" || seen=yes
  learn_standing
  [[ $standing == removed || ($standing == unknown && -n $seen) ]] && refuse_removed
  [[ -e $data_dir/joined ]] || again "etcd ended with status $1 before it had joined cluster $cluster (its last lines say why): reading the parameter again"
  say "etcd ended with status $1: starting it again"
  hurry=4 report "etcd ended with status $1: starting it again"
  exit "$1"
}

# Prints the last line by which etcd says why it ends, of each of its log formats.
last_error() {
  local pattern
  for pattern in '"level":"(fatal|panic)"|^panic:|^fatal error:| C \| |^(F|C)[0-9]{4} ' '"level":"error"|[Ee]rror| E \| '; do
    grep -aE "$pattern" "$1" | tail -n 1 | cut -c -1200 | grep . && return
  done
}
