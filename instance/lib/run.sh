# shellcheck shell=bash
# ExecStart: runs etcd with the approved environment, and decides what the end of etcd means.

run() {
  [[ -d $run_dir ]] || again "prepare has not run: start the unit, not this command"
  printf '%s\n' $$ >"$run_dir/pid"
  [[ -s $run_dir/environment ]] || again "prepare has not approved any environment: starting again"
  read_settings "$run_dir/environment" env 'ETCD_[A-Z0-9_]+' || refuse "$NOT_UNDERSTOOD" "in $run_dir/environment, $problem"

  local etcd='' reader stopping='' result
  trap 'stopping=yes; [[ -z $etcd ]] || kill -TERM "$etcd" 2>/dev/null' TERM INT
  # The reader ends only with its input: without a reader, SIGPIPE would kill etcd while it moves its leadership.
  exec 3> >(trap '' TERM INT; exec sed -u "/the member has been permanently removed from the cluster/w $run_dir/removed" 3>&-)
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
  # etcd reads every ETCD_* variable and warns of names that it does not know. All other variables stay.
  for name in $(compgen -e ETCD_); do unset "$name"; done
  for name in "${!tuning[@]}"; do
    export "$name=${tuning[$name]}"
  done
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
  if [[ -s $run_dir/removed ]]; then
    refuse "$REMOVED" "member ${env[ETCD_NAME]} was removed from cluster $cluster and cannot come back; if the group does not replace instance ${env[ETCD_NAME]}, terminate it"
  fi
  [[ -e $data_dir/joined ]] || again "etcd ended with status $1 before it had joined cluster $cluster (its last lines say why): reading the parameter again"
  say "etcd ended with status $1: starting it again"
  exit "$1"
}
