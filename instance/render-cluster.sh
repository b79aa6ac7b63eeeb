#!/usr/bin/env bash
# render-cluster.sh [TEMPLATE]: prints the CloudFormation template of a cluster (default: examples/cluster.yaml) with
# the boot script in its user data, ready for `aws cloudformation deploy --template-file`.
#
# The user data replaces the template's list item that contains @USER_DATA@. CloudFormation then fills in its parameters
# ClusterName, ParameterPrefix and EtcdSha256, and the variables Etcd and Settings of its Fn::Sub.
set -euo pipefail

fail() {
  printf 'render-cluster: %s\n' "$*" >&2
  exit 1
}

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
template=${1:-$here/../examples/cluster.yaml}
[[ -r $template ]] || fail "cannot read $template"
# CloudFormation resolves these references, not this shell.
# shellcheck disable=SC2016
text=$("$here/render-user-data.sh" --template '${ParameterPrefix}' '${Etcd}' '${EtcdSha256}' \
  /dev/sdf '${ClusterName}' '${Settings}')
line=$(grep -nE '^ *- .*@USER_DATA@' "$template") || fail "$template has no list item with @USER_DATA@"
[[ $line != *$'\n'* ]] || fail "$template has more than one list item with @USER_DATA@"
number=${line%%:*} indent=${line#*:}
indent=${indent%%-*}
head -n $((number - 1)) "$template"
printf '%s- |\n' "$indent"
printf '%s\n' "$indent    ${text//$'\n'/$'\n'"$indent    "}"
tail -n +$((number + 1)) "$template"
