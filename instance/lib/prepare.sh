# shellcheck shell=bash
# ExecStartPre: waits for the parameter, and approves it if it fits the data directory.

prepare() {
  check_curl || refuse_configuration "curl is ${found:-missing}, and it must be 7.88 or newer: an older curl does not sign what S3 wants signed; use an image with a newer curl"
  mount_volume
  mkdir -p "$data_dir" "$run_dir" || again "cannot create $data_dir or $run_dir: are both on a writable disk? Trying again"
  rm -f "$run_dir"/{refused,removed,environment,pid}
  wait_for_instance_id
  check_etcd
  read_stamp
  wait_for_environment
  until check_data_directory && { has_log || check_minor; }; do
    pause
    wait_for_environment
  done
  [[ -e $stamp_file ]] || write_stamp
  [[ -d $member_data ]] || create_member_data
  write_synced "$data_dir/environment" <"$run_dir/candidate"
  mv -f "$run_dir/candidate" "$run_dir/environment"
}

wait_for_instance_id() {
  local end=$((SECONDS + patience))
  until instance=$(metadata instance-id) && [[ $instance =~ ^i-[0-9a-f]+$ ]]; do
    say_once "waiting for the instance metadata service to give the instance's ID"
    ((SECONDS < end)) || again "the instance metadata service does not give the instance's ID: is it disabled? Trying again"
    pause
  done
}

wait_for_environment() {
  local end=$((SECONDS + patience)) unknown=0 looks=0
  local name=$prefix/$cluster/instances/$instance
  while :; do
    get_parameter "$name"
    case $answer in
      found)
        printf '%s\n' "$value" >"$run_dir/candidate"
        read_environment "$run_dir/candidate" "$name"
        if [[ ${env[ETCD_ASG_GENERATION]} -ge ${stamp[GENERATION]:-0} ]]; then return; fi
        say_once "the parameter $name still names generation ${env[ETCD_ASG_GENERATION]}, and the data here is of the newer generation ${stamp[GENERATION]:-}: waiting until the controller overwrites the parameter"
        ;;
      absent)
        unknown=0
        if [[ -e $stamp_file ]]; then
          ((looks++ % 30)) || refuse_if_removed
          say_once "the parameter $name is gone, and this member has data in $data_dir: the controller has given this instance up, or somebody deleted the parameter. etcd is not started without it; waiting"
        else
          say_once "waiting for the parameter $name: the controller creates it when it is this instance's turn to join"
        fi
        ;;
      unknown)
        unknown=$((unknown + 1))
        if ((unknown >= OUTAGE_POLLS)) && use_kept_environment; then return; fi
        say_once "cannot read the parameter $name ($reason): trying again"
        ;;
    esac
    ((SECONDS < end)) || give_up_waiting "$name"
    pause
  done
}

give_up_waiting() {
  case $answer in
    absent) again "the parameter $1 has not appeared within $patience s: does the group have the tag etcd-asg:cluster=$cluster, are the functions deployed with the prefix $prefix, and what do their logs say about $instance? Trying again" ;;
    found) again "the parameter $1 has named an older generation for $patience s: see the functions' logs. Trying again" ;;
    *) again "the parameter $1 could not be read for $patience s ($reason): check the instance's role and its route to SSM. Trying again" ;;
  esac
}

# A parameter that cannot be read is not a parameter that is gone. The cluster still counts this member, so an outage of
# SSM must not keep it down.
use_kept_environment() {
  [[ -e $data_dir/joined && -e $stamp_file && -e $data_dir/environment ]] && has_log || return 1
  cp "$data_dir/environment" "$run_dir/candidate"
  read_environment "$run_dir/candidate" "$data_dir/environment"
  say "the parameter cannot be read ($reason): starting with the last approved parameter, because this member has joined its cluster and has its data"
}

# read_environment FILE NAME: fills `env`, or refuses.
read_environment() {
  local required format name of
  read_settings "$1" env 'ETCD_[A-Z0-9_]+' || refuse "$NOT_UNDERSTOOD" "in $2, $problem"
  # A refusal quotes only the beginning of a value, so that the refusal stays one sentence.
  format=${env[ETCD_ASG_FORMAT]:-} name=${env[ETCD_NAME]:-} of=${env[ETCD_ASG_CLUSTER]:-}
  [[ $format == 1 ]] ||
    refuse "$NOT_UNDERSTOOD" "$2 has format '${format:0:80}', and this script knows only format 1: install the boot script of the functions' version"
  for required in ETCD_NAME ETCD_INITIAL_CLUSTER ETCD_INITIAL_CLUSTER_TOKEN ETCD_LISTEN_PEER_URLS \
    ETCD_LISTEN_CLIENT_URLS ETCD_INITIAL_ADVERTISE_PEER_URLS ETCD_ADVERTISE_CLIENT_URLS ETCD_ASG_CLUSTER; do
    [[ -n ${env[$required]:-} ]] || refuse "$NOT_UNDERSTOOD" "$2 lacks $required: see the functions' logs"
  done
  [[ ${env[ETCD_INITIAL_CLUSTER_STATE]:-} =~ ^(new|existing)$ && ${env[ETCD_ASG_DATA]:-} =~ ^(empty|present)$ &&
    ${env[ETCD_ASG_GENERATION]:-} =~ ^[1-9][0-9]{0,17}$ ]] ||
    refuse "$NOT_UNDERSTOOD" "$2 has no valid ETCD_INITIAL_CLUSTER_STATE, ETCD_ASG_DATA or ETCD_ASG_GENERATION: see the functions' logs"
  [[ -z ${env[ETCD_DATA_DIR]:-} ]] || refuse "$NOT_UNDERSTOOD" "$2 sets ETCD_DATA_DIR, which only this host may choose"
  [[ $name == "$instance" && $of == "$cluster" ]] ||
    refuse "$NOT_UNDERSTOOD" "$2 is meant for member ${name:0:80} of cluster ${of:0:100}, and this is instance $instance of cluster $cluster"
}

write_stamp() {
  write_synced "$stamp_file" <<EOF
CLUSTER=$cluster
GENERATION=${env[ETCD_ASG_GENERATION]}
TOKEN=${env[ETCD_INITIAL_CLUSTER_TOKEN]}
INSTANCE=$instance
EOF
}

create_member_data() {
  local owner=()
  [[ -z $user ]] || owner=(-o "$user" -g "$user")
  install -d -m 700 "${owner[@]}" "$member_data" ||
    again "cannot create $member_data: is the disk writable, and is there a user '$user'? Trying again"
}
