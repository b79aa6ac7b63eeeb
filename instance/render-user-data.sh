#!/usr/bin/env bash
# render-user-data.sh CLUSTER [PREFIX [ETCD_VERSION]]: prints the user data of a launch template, complete: cloud-init
# needs nothing else to make an instance a member, but etcd's release (install-etcd.sh) where the image has none.
set -euo pipefail

cluster=${1:?"usage: render-user-data.sh CLUSTER [PREFIX [ETCD_VERSION]]"}
prefix=${2:-/etcd-asg}
version=${3:-3.6.16}
# EC2's limit for user data, before base64.
readonly LIMIT=16384

fail() {
  printf 'render-user-data: %s\n' "$*" >&2
  exit 1
}

[[ $cluster =~ ^[A-Za-z0-9_.-]{1,100}$ ]] || fail "the cluster's name '$cluster' must be 1 to 100 of A-Z a-z 0-9 _ . -"
[[ $prefix =~ ^(/[A-Za-z0-9_.-]+)+$ ]] || fail "the prefix '$prefix' must be a parameter path such as /etcd-asg"
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "the version '$version' must be like 3.6.16"

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
# The same files give the same bytes: a launch template changes only when they do.
bundle=$(tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - \
  etcd-asg.sh etcd-asg.service install-etcd.sh lib | gzip -9n | base64 -w0)
text=$(<user-data.yaml)
text=${text//@CLUSTER@/$cluster}
text=${text//@PREFIX@/$prefix}
text=${text//@ETCD_VERSION@/$version}
text=${text//@BUNDLE@/$bundle}
((${#text} < LIMIT)) || fail "the user data has ${#text} bytes and EC2 takes $LIMIT: put the script into the image"
printf '%s\n' "$text"
