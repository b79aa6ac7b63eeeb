# shellcheck shell=bash
# ExecStartPost: waits for etcd's first answer, then for health and publication, then completes the launch hook.

ready() {
  local attempts=0 none=0
  wait_for_run
  read_settings "$run_dir/environment" env 'ETCD_[A-Z0-9_]+' || exit 0
  said="etcd runs and follows no leader yet"
  until [[ -e $data_dir/joined ]] || note_joined; do next_look; done
  check_identity
  said="etcd has joined cluster $cluster and is not a published voter yet"
  until healthy && { [[ -e $data_dir/completed ]] || published; }; do next_look; done
  rm -f "$run_dir.etcd"
  report "member ${env[ETCD_NAME]} is a healthy, published voter of $cluster"
  [[ ! -e $data_dir/completed && -n ${env[ETCD_ASG_LAUNCH_HOOK]:-} ]] || exit 0
  while still_running && ((attempts < COMPLETE_ATTEMPTS && none < 3)); do
    complete_launch
    [[ $outcome == completed ]] && exit 0
    [[ $outcome == none ]] && none=$((none + 1))
    attempts=$((attempts + 1))
    pause
  done
  if ((none >= 3)); then
    say "member ${env[ETCD_NAME]} is a published voter of $cluster; its launch has no lifecycle action left to complete"
  else
    say "the launch of ${env[ETCD_NAME]} could not be completed from here ($reason); the controller will do it"
  fi
}

# run writes its process ID before anything else; without one, the unit has not started run.
wait_for_run() {
  local end=$((SECONDS + 15))
  until [[ -s $run_dir/pid ]]; do
    ((SECONDS < end)) || exit 0
    pause
  done
  [[ -s $run_dir/environment ]] || exit 0
}

still_running() {
  local pid
  pid=$(<"$run_dir/pid")
  # A zombie (a process that has ended and was not yet waited for) still has its entry in /proc.
  [[ -d /proc/$pid ]] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null
}

next_look() {
  still_running || exit 0
  pause
}

local_etcd() {
  local url=${env[ETCD_ADVERTISE_CLIENT_URLS]%%,*} path=$1
  shift
  ask --noproxy '*' --max-time 5 "$@" "${url%/}$path"
}

# Makes a linearizable read. It does not ask /health, for two reasons: etcd 3.4 writes an entry into the log for each
# call, and etcd 3.6 ends at such an entry; and /health fails under the space alarm, which stops writes and not the
# member. With authentication on, etcd refuses the caller only after the read has succeeded.
healthy() {
  local answer
  answer=$(local_etcd /v3/kv/range --data '{"key":"AA==","count_only":true}')
  [[ $answer == *'"header"'* || $answer == *'user name is empty'* ]]
}

# An instance has joined once its etcd follows a leader. Before that, the same parameter may start it without data again.
note_joined() {
  local answer leader cluster_id member_id
  answer=$(local_etcd /v3/maintenance/status --data '{}') || return 1
  leader=$(json_string leader <<<"$answer")
  # With authentication on, etcd refuses the status, and a successful linearizable read shows that there is a leader.
  [[ -n $leader ]] || healthy || return 1
  cluster_id=$(json_string cluster_id <<<"$answer")
  member_id=$(json_string member_id <<<"$answer")
  write_synced "$data_dir/joined" <<EOF
CLUSTER_ID=$cluster_id
MEMBER_ID=$member_id
EOF
}

check_identity() {
  local found
  found=$(sed -n 's/^CLUSTER_ID=//p' "$data_dir/joined")
  [[ -z $found || -z ${env[ETCD_ASG_CLUSTER_ID]:-} || $found == "${env[ETCD_ASG_CLUSTER_ID]}" ]] ||
    again "etcd has joined the cluster with ID $found, and the parameter has the cluster ID ${env[ETCD_ASG_CLUSTER_ID]}: stopping"
}

published() {
  get_parameter "${env[ETCD_ASG_ENDPOINTS]:-$prefix/$cluster/endpoints}"
  if [[ $answer == unknown ]]; then say_once "cannot read the cluster's endpoints ($reason): trying again"; fi
  [[ $answer == found && ,$value, == *",${env[ETCD_ADVERTISE_CLIENT_URLS]%%,*},"* ]]
}

# Sets `outcome`: completed, none (no lifecycle action is active), or failed (and `reason`).
complete_launch() {
  call_aws autoscaling '' --data Action=CompleteLifecycleAction --data Version=2011-01-01 \
    --data LifecycleActionResult=CONTINUE --data-urlencode "InstanceId=${env[ETCD_NAME]}" \
    --data-urlencode "AutoScalingGroupName=${env[ETCD_ASG_GROUP]:-}" \
    --data-urlencode "LifecycleHookName=${env[ETCD_ASG_LAUNCH_HOOK]}"
  outcome=failed reason="HTTP $status, ${body:0:300}"
  if [[ $status == 200 ]]; then
    outcome=completed
    write_synced "$data_dir/completed" <<<"$(date -u +%FT%TZ)"
    say "member ${env[ETCD_NAME]} is a published voter of $cluster: launch completed"
  elif [[ $body == *"No active Lifecycle Action found"* ]]; then
    outcome=none
  else
    say_once "completing the launch failed ($reason): trying again"
  fi
}
