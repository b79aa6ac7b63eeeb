# shellcheck shell=bash
# Which settings count: the configuration file's, and those of the unit's environment that are meant for this script.

# An image may set a proxy, certificates, libraries or Go's own settings for every process. Here only what the operator
# wrote for etcd-asg counts. LOCAL_REGION… are the marks by which the local region finds its processes.
clean_environment() {
  local name
  for name in $(compgen -e); do
    # shellcheck disable=SC2034  # lib/aws.sh reads it
    [[ ! ${name^^} =~ ^(HTTPS?|ALL)_PROXY$ ]] || unused_proxy=$name
    [[ $name != SECONDS ]] || { SECONDS=0; export -n SECONDS; continue; }
    [[ $name =~ ^(PATH|HOME|LANG|LC_ALL|TZ|AWS_.*|ETCD_ASG_.*|LOCAL_REGION.*)$ ]] || unset "$name" 2>/dev/null || export -n "${name?}"
  done
}

# load_configuration FILE: exports what is this script's own, and fills `tuning` with what is etcd's; on a wrong line sets
# `problem` and fails. The lines before the wrong one count: the report of the refusal needs them.
load_configuration() {
  local name failed=0
  [[ -e $1 ]] || return 0
  read_settings "$1" config '(ETCD|AWS)_[A-Z0-9_]+|(HTTPS?|NO)_PROXY|GO[A-Z]+' || failed=1
  for name in "${!config[@]}"; do
    # shellcheck disable=SC2004  # an associative array: the name is its key
    case $name in
      ETCD_ASG_* | AWS_*) [[ -n ${!name:-} ]] || export "$name=${config[$name]}" ;;
      *_PROXY) export "${name,,}=${config[$name]}" ;;
      *) tuning[$name]=${config[$name]} ;;
    esac
  done
  return "$failed"
}

# Leaves etcd's own settings only; for a subshell. etcd reads every ETCD_* variable and warns of names that it does not
# know, and a proxy would carry its peers' traffic.
enter_etcd_environment() {
  local name
  for name in $(compgen -e); do
    case $name in ETCD_* | AWS_* | *_proxy) unset "$name" ;; esac
  done
  for name in "${!tuning[@]}"; do export "$name=${tuning[$name]}"; done
}

# Sets `version`, or `words`: what etcd said instead. etcd asks for a setting of its own on some processors before it
# tells its version.
learn_version() {
  words=$( (enter_etcd_environment; etcd --version) 2>&1)
  version=$(sed -n 's/^etcd Version: //p' <<<"$words")
}

# Sets `found`, and fails where curl is older than the oldest that was tried.
check_curl() {
  found=$(curl --version 2>/dev/null | sed -n '1s/^curl \([0-9]*\.[0-9]*\).*/\1/p')
  [[ -n $found ]] && ((${found%.*} > 7 || (${found%.*} == 7 && ${found#*.} >= 88)))
}
