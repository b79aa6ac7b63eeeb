# shellcheck shell=bash
# The stamp, which says what the data belongs to, and every comparison of the data with the parameter.

# Fills `stamp`; it stays empty where no member has been started here.
read_stamp() {
  stamp=()
  [[ -e $stamp_file ]] || return 0
  read_settings "$stamp_file" stamp 'CLUSTER|GENERATION|TOKEN|INSTANCE' ||
    refuse "$UNKNOWN_DATA" "the stamp $stamp_file cannot be read ($problem), so it is not known which cluster the data in $member_data belongs to; terminate instance $instance once the other members are healthy (etcdctl endpoint health --cluster)"
  [[ ${stamp[GENERATION]:-} =~ ^[1-9][0-9]{0,17}$ ]] ||
    refuse "$UNKNOWN_DATA" "the stamp $stamp_file names no generation, so it is not known which cluster the data in $member_data belongs to; terminate instance $instance once the other members are healthy (etcdctl endpoint health --cluster)"
}

has_log() { compgen -G "$member_data/member/wal/*.wal" >/dev/null; }

has_anything() { [[ -n $(ls -A "$member_data" 2>/dev/null) ]]; }

# Fails where the disk is new, its member has run before, and the controller may still let the instance join as a new
# member: an instance whose root volume was replaced boots before the controller has overwritten the parameter.
# The instance may then join only under another member ID. A stale read can show the parameter of the old member once
# more, and the old member must never start a second time without its data.
check_data_directory() {
  if [[ -e $stamp_file ]]; then
    check_stamp
  elif has_anything; then
    refuse "$UNKNOWN_DATA" "$member_data holds data, and no stamp says which cluster the data belongs to; if the data is not needed, move it away and start again"
  fi
  has_log && return
  if [[ ${env[ETCD_ASG_DATA]} == present || -e $data_dir/joined ]]; then
    [[ ! -e $stamp_file ]] ||
      refuse "$DATA_GONE" "$member_data is empty, but this member has already run in generation ${env[ETCD_ASG_GENERATION]} of $cluster; a voter that comes back without its data can lose acknowledged writes. It must be replaced: terminate instance $instance"
    lost_member=${env[ETCD_ASG_MEMBER_ID]:-unknown}
  fi
  [[ -n ${lost_member:-} ]] || return 0
  [[ ${env[ETCD_ASG_DATA]} == present || ${env[ETCD_INITIAL_CLUSTER_STATE]} == new ||
    ${env[ETCD_ASG_MEMBER_ID]:-$lost_member} == "$lost_member" ]] || return 0
  say_once "$data_dir is new, but this member has already run in generation ${env[ETCD_ASG_GENERATION]} of $cluster; a voter that comes back without its data can lose acknowledged writes. etcd is not started; waiting until the controller lets this instance join as a new member or replaces it"
  return 1
}

check_stamp() {
  local generation=${env[ETCD_ASG_GENERATION]} token=${env[ETCD_INITIAL_CLUSTER_TOKEN]} joined
  [[ ${stamp[CLUSTER]:-} == "$cluster" ]] ||
    refuse "$OTHER_CLUSTER" "$data_dir holds data of cluster ${stamp[CLUSTER]:-}, and this instance belongs to $cluster; copy the data first if it may be needed, then move it away or terminate the instance"
  [[ ${stamp[INSTANCE]:-} == "$instance" ]] ||
    refuse "$OTHER_INSTANCE" "$data_dir holds data of instance ${stamp[INSTANCE]:-}, and this is instance $instance: was the image made from a running member? Use an image without data"
  [[ ${stamp[GENERATION]} -eq $generation ]] ||
    refuse "$OLDER_GENERATION" "$data_dir holds data of generation ${stamp[GENERATION]:-} of $cluster, and generation $generation is the current one; an old member must not come back: copy the data first if it may be needed, then terminate instance $instance"
  [[ ${stamp[TOKEN]:-} == "$token" ]] ||
    refuse "$OTHER_CLUSTER" "$data_dir holds data of the cluster with token ${stamp[TOKEN]:-}, and the parameter has the token $token; copy the data first if it may be needed, then terminate instance $instance"
  joined=$(sed -n 's/^CLUSTER_ID=//p' "$data_dir/joined" 2>/dev/null)
  [[ -z $joined || -z ${env[ETCD_ASG_CLUSTER_ID]:-} || $joined == "${env[ETCD_ASG_CLUSTER_ID]}" ]] ||
    refuse "$OTHER_CLUSTER" "$data_dir holds data of the etcd cluster with ID $joined, and the parameter has the cluster ID ${env[ETCD_ASG_CLUSTER_ID]}; copy the data first if it may be needed, then terminate instance $instance"
}

check_etcd() {
  learn_version
  [[ -z $version ]] || return 0
  [[ ! -s $lib/../install-failed ]] || words=$(<"$lib/../install-failed")
  words=${words%%$'\n'*}
  refuse "$CONFIGURATION" "there is no working etcd on PATH ($PATH): ${words:0:400}; correct the source of etcd in the launch template, or etcd's settings"
}

# Checks the version of a joiner only: a member that already runs was checked when it joined. Fails where the minor
# version may not join yet.
check_minor() {
  local minor allowed=${env[ETCD_ASG_MINORS]:-}
  [[ $version =~ ^[0-9]+\.[0-9]+ ]] && minor=${BASH_REMATCH[0]}
  [[ -z $allowed || " $allowed " == *" ${minor:-?} "* ]] && return
  [[ ${minor:-?} != "${env[ETCD_ASG_MINOR_HELD]:-}" ]] ||
    { say_once "etcd $version may not join cluster $cluster yet (the functions' logs say why): waiting"; return 1; }
  refuse "$MINOR" "etcd $version must not join cluster $cluster, which accepts only ${allowed// / or } now; install one of these, or upgrade the cluster one minor version at a time"
}
