# shellcheck shell=bash
# Whether this member was removed from its cluster, asked of the others. etcd's log may hide it (log level, log file), and
# its exit status is that of any other end.

# Sets `standing`: member, removed, or unknown. A member ID never comes back once it is removed.
learn_standing() {
  local url own of try reached=''
  standing=unknown
  own=$(sed -n 's/^MEMBER_ID=//p' "$data_dir/joined" 2>/dev/null) of=$(sed -n 's/^CLUSTER_ID=//p' "$data_dir/joined" 2>/dev/null)
  [[ -n $own && -n $of ]] || return 0
  get_parameter "${env[ETCD_ASG_ENDPOINTS]:-$prefix/$cluster/endpoints}"
  [[ $answer == found ]] || return 0
  # The end of this member's etcd may have been the end of a leader: the others then need a moment to elect another.
  for try in 1 2 3; do
    for url in ${value//,/ }; do
      if learn_standing_from "$url"; then return; fi
    done
    [[ -n $reached ]] || return 0
    ((try == 3)) || sleep 1
  done
}

# The read makes the asked server as new as the cluster: etcd 3.4 gives its own list, which may be older than this member.
learn_standing_from() {
  local list
  list=$(ask_member "$1" kv/range '{"key":"AA==","count_only":true}') && reached=yes
  [[ $list == *'"header"'* || $list == *'user name is empty'* ]] || return 1
  list=$(ask_member "$1" cluster/member/list '{"linearizable":true}')
  [[ $list == *"\"cluster_id\":\"$of\""* && $list == *'"members":[{'* ]] || return 1
  standing=removed
  [[ $list != *"\"ID\":\"$own\""* ]] || standing=member
}

ask_member() { ask --noproxy '*' --connect-timeout 2 --max-time 5 --data "$3" "${1%/}/v3/$2"; }

refuse_if_removed() {
  learn_standing
  [[ $standing != removed ]] || refuse_removed
}

refuse_removed() {
  refuse "$REMOVED" "member ${env[ETCD_NAME]:-$instance} was removed from cluster $cluster and cannot come back; if the group does not replace the instance, terminate it once the other members are healthy (etcdctl endpoint health --cluster)"
}
