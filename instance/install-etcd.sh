#!/usr/bin/env bash
# install-etcd.sh VERSION [SHA256]: puts the released etcd and etcdctl into /usr/local/bin, unless they are there.
#
# The archive is checked against SHA256 where it is given, else against the list published beside it, which
# guards against a damaged download only. An image that has etcd already needs none of this and boots faster.
#
# ETCD_ASG_ETCD_RELEASES   where the releases are; default the project's own
# ETCD_ASG_BIN_DIR         default /usr/local/bin
set -euo pipefail

version=${1:?"usage: install-etcd.sh VERSION [SHA256]"}
expected=${2:-}
releases=${ETCD_ASG_ETCD_RELEASES:-https://github.com/etcd-io/etcd/releases/download}
bin_dir=${ETCD_ASG_BIN_DIR:-/usr/local/bin}

fail() {
  printf 'install-etcd: %s\n' "$*" >&2
  exit 1
}

fetch() {
  curl --silent --show-error --fail --location --retry 5 --retry-connrefused --output "$2" "$1" ||
    fail "cannot download $1: has the instance a route to it? Put etcd into the image, or set ETCD_ASG_ETCD_RELEASES"
}

case $(uname -m) in
  x86_64) architecture=amd64 ;;
  aarch64) architecture=arm64 ;;
  *) fail "etcd is not released for $(uname -m): put it into the image" ;;
esac

if [[ $("$bin_dir/etcd" --version 2>/dev/null) == "etcd Version: $version"$'\n'* ]]; then exit 0; fi

name=etcd-v$version-linux-$architecture
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch "$releases/v$version/$name.tar.gz" "$work/$name.tar.gz"
if [[ -z $expected ]]; then
  fetch "$releases/v$version/SHA256SUMS" "$work/SHA256SUMS"
  expected=$(awk -v name="$name.tar.gz" '$2 == name { print $1 }' "$work/SHA256SUMS")
fi
printf '%s  %s\n' "$expected" "$work/$name.tar.gz" | sha256sum --check --status ||
  fail "$name.tar.gz is not what its checksum says: nothing was installed"
tar -xzf "$work/$name.tar.gz" -C "$work" --no-same-owner
install -m 755 "$work/$name/etcdctl" "$work/$name/etcd" "$bin_dir/"
